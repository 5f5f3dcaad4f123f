/* Reply: the result of a handler: status, headers and values. Only the router serializes it. */
#ifndef HTTP_REPLY_H
#define HTTP_REPLY_H

#include "base/buffer.h"
#include "base/field.h"
#include "http/request.h"

enum {
    REPLY_HEADERS_MAX = 8,
    REPLY_TOTAL_UNKNOWN = -1, /* value of `total` if a cursor selects the page */
};

struct reply_header {
    const char *name, *value;
};

/* Status of the reply to an accepted preliminary request: send the body. See request->asks. */
enum { REPLY_CONTINUE = 100 };

struct reply {
    int status;
    struct reply_header headers[REPLY_HEADERS_MAX];
    size_t headers_count;
    struct value *record; /* REPLY_RECORD: parallel to the fields of route->reply */
    /* REPLY_ARRAY, REPLY_LIST, REPLY_PAGE: the records, each like `record` */
    struct value *const *items;
    size_t items_count;
    const bool *selected; /* fields of the items; set by the router: see request->selected */
    int64_t total, skip, limit;
    bool total_is_minimum; /* `total` is a lower bound: counting stopped there */
    const char *next;      /* REPLY_PAGE: cursor of the next page; NULL: last page */
    /* JSON object: the compiled form of the list's ?filter=, for ?explain=true; NULL: none */
    const char *explain;
    bool serialized; /* the body has been serialized */
    bool repeated;   /* the stored reply to an earlier identical request: the handler did nothing */
    bool recalled;   /* the reply will be stored for repeated requests */
    bool audited;    /* the handler has written the audit lines */
    const char *content_type; /* NULL: application/json */
    struct buffer body;       /* serialized by the router, or set by reply_text() */
};

/* Sets the record of the reply. Status 200, unless a status has been set, as by reply_created(). */
void reply_record(struct reply *reply, struct value *record);

/* Sets status 201 and the Location of the new resource: `collection`/`name`, with `name`
 * encoded. */
void reply_created(struct request *request, struct reply *reply, const char *collection,
                   const char *name);

/* Sets status 200 and one page of a list. */
void reply_list(struct reply *reply, struct value *const *items, size_t count, int64_t total,
                int64_t skip, int64_t limit);

/* Sets status 200, a JSON array of these items, and X-Total-Count. */
void reply_array(struct request *request, struct reply *reply, struct value *const *items,
                 size_t count, int64_t total);

/* Sets status 200 and a body that is not JSON. Both arguments must live as long as the request. */
void reply_text(struct reply *reply, const char *content_type, const struct buffer *text);

/*
 * ETag and conditional requests (RFC 9110 8.8.3, 13.1) of a resource with a version: the entity tag
 * is the version in quotes. A version is a number or a text without quotes. Conditions apply only
 * to requests that would succeed without them (13.2.1), so handlers evaluate them after all other
 * checks.
 */

/* True if the request has a condition. */
bool reply_has_conditions(const struct request *request);

/* Evaluate the conditions of a write. ERR_PRECONDITION_FAILED if If-Match or If-None-Match forbids
 * it for the current version of the resource. */
struct error *reply_check_conditions(const struct request *request, int64_t version) MUST_CHECK;
struct error *reply_check_conditions_text(const struct request *request,
                                          const char *version) MUST_CHECK;

/* Set one record and its ETag after a write. Vary: Authorization prevents a browser from reusing
 * the reply for another user. */
void reply_versioned(struct request *request, struct reply *reply, struct value *record,
                     int64_t version);
void reply_versioned_text(struct request *request, struct reply *reply, struct value *record,
                          const char *version);

/* Set one record and its ETag as the reply to a read; status 304 if If-None-Match shows that the
 * client already has this version. ERR_PRECONDITION_FAILED if If-Match names another version. */
struct error *reply_conditional(struct request *request, struct reply *reply, struct value *record,
                                int64_t version) MUST_CHECK;
struct error *reply_conditional_text(struct request *request, struct reply *reply,
                                     struct value *record, const char *version) MUST_CHECK;

/* Declares that the body contains text in the language that the request prefers: Content-Language
 * and Vary (RFC 9110 8.5, 12.5.5). Required for every reply with a message. Errors do this
 * themselves. */
void reply_set_language(const struct request *request, struct reply *reply);

/* Sets status 204. */
void reply_no_content(struct reply *reply);

/* Sets status 100, the reply to a preliminary request (`asks`) that is accepted so far. */
void reply_continue(struct request *request, struct reply *reply);

/* Adds a header. The value must not contain a line break and must outlive the reply. */
void reply_header(struct reply *reply, const char *name, const char *value);

/* Serializes the body in the format that the route declares. */
void reply_serialize(const struct route *route, struct reply *reply, struct arena *arena);

#endif
