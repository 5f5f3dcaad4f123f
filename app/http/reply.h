/* Reply: what a handler answers. Only the router makes bytes of it. */
#ifndef HTTP_REPLY_H
#define HTTP_REPLY_H

#include "base/buffer.h"
#include "base/field.h"
#include "http/request.h"

enum {
    REPLY_HEADERS_MAX = 8,
    REPLY_TOTAL_UNKNOWN = -1, /* of a page reached by a cursor */
};

struct reply_header {
    const char *name, *value;
};

/* The status of an answer that says: send the body. See request->asks. */
enum { REPLY_CONTINUE = 100 };

struct reply {
    int status;
    struct reply_header headers[REPLY_HEADERS_MAX];
    size_t headers_count;
    struct value *record;       /* REPLY_RECORD: parallel to the fields of route->reply */
    struct value *const *items; /* REPLY_ARRAY, REPLY_LIST: the same, each */
    size_t items_count;
    int64_t total, skip, limit;
    bool total_is_minimum;    /* there are more, and nobody has counted how many */
    const char *next;         /* REPLY_PAGE: where to go on; NULL: that was all */
    bool serialized;          /* the body is there already */
    bool repeated;            /* the same was answered before: nothing has been done */
    bool recalled;            /* a repetition is to get this answer */
    bool audited;             /* the handler has written the audit lines */
    const char *content_type; /* NULL: JSON */
    struct buffer body;       /* serialized, by the router, unless it is no JSON */
};

/* 200, or 201 after reply_created(), or the status that is set already, with one record. */
void reply_record(struct reply *reply, struct value *record);

/* 201 and the place of what was created: a pattern's collection and the name of the new member. */
void reply_created(struct request *request, struct reply *reply, const char *collection,
                   const char *name);

/* 200 with one page of a list. */
void reply_list(struct reply *reply, struct value *const *items, size_t count, int64_t total,
                int64_t skip, int64_t limit);

/* 200 with a bare array of them, out of `total`. */
void reply_array(struct request *request, struct reply *reply, struct value *const *items,
                 size_t count, int64_t total);

/* 200 with a text that is no JSON; both must live as long as the request. */
void reply_text(struct reply *reply, const char *content_type, const struct buffer *text);

/*
 * ETag and conditions (RFC 9110 8.8.3, 13.1) of a resource with a version: the tag is the version,
 * in quotes. Conditions apply only to calls that would succeed without them (13.2.1), so handlers
 * evaluate them after all other checks.
 */

/* Called before a change: ERR_PRECONDITION_FAILED if If-Match or If-None-Match forbids it for
 * the current version of the resource. */
struct error *reply_check_conditions(const struct request *request, int64_t version) MUST_CHECK;

/* Answers with one record and its ETag, after a change. With Vary a browser does not reuse the
 * answer for another user who logs in there. */
void reply_version(struct request *request, struct reply *reply, struct value *record,
                   int64_t version);

/* Answers a read with one record and its ETag; with 304 if If-None-Match shows that the client
 * already has this version. Fails with ERR_PRECONDITION_FAILED. */
struct error *reply_selected(struct request *request, struct reply *reply, struct value *record,
                             int64_t version) MUST_CHECK;

/* Says that the body has words in the language that the request asked for (RFC 9110 8.5, 12.5.5):
 * for every answer with a message in it. Errors have it by themselves. */
void reply_language(const struct request *request, struct reply *reply);

/* 204. */
void reply_nothing(struct reply *reply);

/* 100, to a preliminary request (`asks`): it would not be refused so far. Changes nothing. */
void reply_continue(struct request *request, struct reply *reply);

/* Adds a header field. The value must hold no line break and outlive the reply. */
void reply_header(struct reply *reply, const char *name, const char *value);

/* Writes the body that the route's row describes. */
void reply_serialize(const struct route *route, struct reply *reply, struct arena *arena);

#endif
