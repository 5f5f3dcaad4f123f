/* See reply.h. */
#include "http/reply.h"

#include "base/arena.h"
#include "base/jsonw.h"
#include "http/fields.h"
#include "http/language.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    STATUS_OK = 200,
    STATUS_CREATED = 201,
    STATUS_NO_CONTENT = 204,
    STATUS_NOT_MODIFIED = 304,
};

void reply_header(struct reply *reply, const char *name, const char *value)
{
    if (reply->headers_count == REPLY_HEADERS_MAX) {
        abort(); /* programming error: REPLY_HEADERS_MAX is too small */
    }
    reply->headers[reply->headers_count++] = (struct reply_header){name, value};
}

void reply_record(struct reply *reply, struct value *record)
{
    reply->status = reply->status ? reply->status : STATUS_OK;
    reply->record = record;
}

void reply_created(struct request *request, struct reply *reply, const char *collection,
                   const char *name)
{
    reply->status = STATUS_CREATED;
    reply_header(reply, "Location",
                 arena_format(request->arena, "%s/%s", collection,
                              request_encode_segment(request->arena, name)));
}

void reply_list(struct reply *reply, struct value *const *items, size_t count, int64_t total,
                int64_t skip, int64_t limit)
{
    reply->status = STATUS_OK;
    reply->items = items;
    reply->items_count = count;
    reply->total = total;
    reply->skip = skip;
    reply->limit = limit;
}

void reply_array(struct request *request, struct reply *reply, struct value *const *items,
                 size_t count, int64_t total)
{
    reply->status = STATUS_OK;
    reply->items = items;
    reply->items_count = count;
    reply_header(reply, "X-Total-Count", arena_format(request->arena, "%" PRId64, total));
}

void reply_text(struct reply *reply, const char *content_type, const struct buffer *text)
{
    reply->status = STATUS_OK;
    reply->content_type = content_type;
    reply->body = *text;
}

/* --- entity tags and conditions -------------------------------------------------------------- */

static const char blanks[] = " \t";

/* Returns the length of the next entity tag of a list, after commas and spaces; 0 at the end of the
 * list, or if the next item is malformed. *weak_r is true for a weak tag. */
static size_t parse_next_tag(const char **list, bool *weak_r, const char **tag_r)
{
    *list += strspn(*list, " \t,");
    *weak_r = !strncmp(*list, "W/", 2);
    *tag_r = *list + (*weak_r ? 2 : 0);
    const char *end = **tag_r == '"' ? strchr(*tag_r + 1, '"') : NULL;
    if (!end) {
        return 0;
    }
    *list = end + 1 + strspn(end + 1, blanks);
    return !**list || **list == ',' ? (size_t)(end + 1 - *tag_r) : 0;
}

/* True if the header is "*", or a list that contains `tag`. With `weak_too`, weak tags match too
 * (weak comparison, RFC 9110 8.8.3.2). The list is read up to its first malformed item. */
static bool has_tag(const char *list, const char *tag, bool weak_too)
{
    const char *found;
    size_t length;
    bool weak;
    list += strspn(list, blanks);
    if (*list == '*') {
        return !list[1 + strspn(list + 1, blanks)];
    }
    while ((length = parse_next_tag(&list, &weak, &found))) {
        if (length == strlen(tag) && !memcmp(found, tag, length) && (!weak || weak_too)) {
            return true;
        }
    }
    return false;
}

static const char *format_number_version(struct arena *arena, int64_t version)
{
    return arena_format(arena, "%" PRId64, version);
}

static const char *format_version_tag(struct arena *arena, const char *version)
{
    return arena_format(arena, "\"%s\"", version);
}

bool reply_has_conditions(const struct request *request)
{
    return *request->headers.if_match || *request->headers.if_none_match;
}

/* Result of the conditions of a request, evaluated in the order of RFC 9110 13.2.2. */
enum conditions { CONDITIONS_MET, CONDITIONS_NOT_MODIFIED, CONDITIONS_FAILED };

static enum conditions evaluate_conditions(const struct request *request, const char *version)
{
    const char *tag = format_version_tag(request->arena, version);
    const char *match = request->headers.if_match, *none_match = request->headers.if_none_match;
    if (*match && !has_tag(match, tag, false)) {
        return CONDITIONS_FAILED;
    }
    if (*none_match && has_tag(none_match, tag, true)) {
        return request->method == METHOD_GET ? CONDITIONS_NOT_MODIFIED : CONDITIONS_FAILED;
    }
    return CONDITIONS_MET;
}

static struct error *condition_error(const struct request *request, enum conditions conditions)
{
    return conditions == CONDITIONS_FAILED
               ? error_new(request->arena, ERR_PRECONDITION_FAILED, NULL)
               : NULL;
}

struct error *reply_check_conditions_text(const struct request *request, const char *version)
{
    return condition_error(request, evaluate_conditions(request, version));
}

struct error *reply_check_conditions(const struct request *request, int64_t version)
{
    return reply_check_conditions_text(request, format_number_version(request->arena, version));
}

void reply_versioned_text(struct request *request, struct reply *reply, struct value *record,
                          const char *version)
{
    reply_header(reply, "ETag", format_version_tag(request->arena, version));
    reply_header(reply, "Vary", "Authorization");
    reply_record(reply, record);
}

void reply_versioned(struct request *request, struct reply *reply, struct value *record,
                     int64_t version)
{
    reply_versioned_text(request, reply, record, format_number_version(request->arena, version));
}

struct error *reply_conditional_text(struct request *request, struct reply *reply,
                                     struct value *record, const char *version)
{
    enum conditions conditions = evaluate_conditions(request, version);
    if (conditions != CONDITIONS_FAILED) {
        reply_versioned_text(request, reply, record, version);
    }
    if (conditions == CONDITIONS_NOT_MODIFIED) {
        reply->status = STATUS_NOT_MODIFIED;
    }
    return condition_error(request, conditions);
}

struct error *reply_conditional(struct request *request, struct reply *reply, struct value *record,
                                int64_t version)
{
    return reply_conditional_text(request, reply, record,
                                  format_number_version(request->arena, version));
}

void reply_set_language(const struct request *request, struct reply *reply)
{
    reply_header(reply, "Content-Language", language_tags[request->language]);
    reply_header(reply, "Vary", "Accept-Language");
}

void reply_continue(struct request *request, struct reply *reply)
{
    reply->status = REPLY_CONTINUE;
    reply->serialized = reply->audited = true;
    request->body_abandoned = false; /* the client has not sent the body yet */
}

void reply_no_content(struct reply *reply)
{
    reply->status = STATUS_NO_CONTENT;
}

static void serialize_array(const struct field *fields, const struct reply *reply, const char *key,
                            struct jsonw *json)
{
    jsonw_open_array(json, key);
    for (size_t i = 0; i < reply->items_count; i++) {
        fields_write_item(json, fields, reply->items[i], reply->selected);
    }
    jsonw_close_array(json);
}

/* Writes the compiled form of the list's filter, if the request asked for it. */
static void serialize_explain(const struct reply *reply, struct jsonw *json)
{
    if (reply->explain) {
        jsonw_raw(json, "explain", reply->explain);
    }
}

static void serialize_position(const struct reply *reply, struct jsonw *json)
{
    jsonw_integer(json, "total", reply->total);
    if (reply->total_is_minimum) {
        jsonw_boolean(json, "total_is_minimum", true);
    }
    jsonw_integer(json, "skip", reply->skip);
    jsonw_integer(json, "limit", reply->limit);
    jsonw_integer(json, "pages", (reply->total + reply->limit - 1) / reply->limit);
}

static void serialize_page(const struct field *fields, const struct reply *reply,
                           struct jsonw *json)
{
    jsonw_open_object(json, NULL);
    serialize_array(fields, reply, "items", json);
    if (reply->total != REPLY_TOTAL_UNKNOWN) {
        serialize_position(reply, json);
    } else {
        jsonw_integer(json, "limit", reply->limit);
    }
    jsonw_string(json, "next", reply->next);
    serialize_explain(reply, json);
    jsonw_close_object(json);
}

static void serialize_list(const struct field *fields, const struct reply *reply,
                           struct jsonw *json)
{
    jsonw_open_object(json, NULL);
    serialize_array(fields, reply, "items", json);
    serialize_position(reply, json);
    serialize_explain(reply, json);
    jsonw_close_object(json);
}

void reply_serialize(const struct route *route, struct reply *reply, struct arena *arena)
{
    if (route->shape == REPLY_TEXT || route->shape == REPLY_FILE) {
        return;
    }
    reply->body = (struct buffer){.arena = arena};
    struct jsonw json = {.out = &reply->body};
    if (reply->status == STATUS_NOT_MODIFIED || reply->status == STATUS_NO_CONTENT) {
        return;
    }
    switch (route->shape) {
    case REPLY_NOTHING:
    case REPLY_TEXT:
    case REPLY_FILE:
        break;
    case REPLY_RECORD:
        fields_write_listing(&json, route->reply->fields, reply->record, reply->selected,
                             reply->explain);
        break;
    case REPLY_ARRAY:
        if (reply->explain) { /* an array has no place for it */
            serialize_list(route->reply->fields, reply, &json);
        } else {
            serialize_array(route->reply->fields, reply, NULL, &json);
        }
        break;
    case REPLY_PAGE:
        serialize_page(route->reply->fields, reply, &json);
        break;
    case REPLY_LIST:
        serialize_list(route->reply->fields, reply, &json);
        break;
    }
}
