/* See media.h. */
#include "http/media.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "http/parameters.h"

#include <string.h>
#include <strings.h>

static const char json_type[] = "application/json";
static const char merge_patch_type[] = "application/merge-patch+json"; /* RFC 7396 */
static const char form_type[] = "application/x-www-form-urlencoded";
static const char upload_type[] = "multipart/form-data";

/* --- media types ----------------------------------------------------------------------------- */

size_t media_types(const struct route *route, const char *types_r[MEDIA_TYPES_MAX])
{
    size_t count = 0;
    if (route->form) {
        types_r[count++] = upload_type;
    }
    if (route->body_type) {
        types_r[count++] = route->body_type;
    }
    if (route->body) {
        types_r[count++] = json_type;
    }
    if (route->body && route->method == METHOD_PATCH) {
        types_r[count++] = merge_patch_type;
    } else if (route->body && route->body_form) {
        types_r[count++] = form_type;
    }
    return count;
}

/* True if Content-Type is this media type, with or without parameters. */
static bool is_type(const char *content_type, const char *type)
{
    size_t length = strlen(type);
    content_type += strspn(content_type, " \t");
    if (strncasecmp(content_type, type, length) != 0) {
        return false;
    }
    const char *rest = content_type + length;
    rest += strspn(rest, " \t");
    return !*rest || *rest == ';';
}

/* True if Content-Type is this media type and the route accepts it. */
static bool is_accepted_type(const struct request *request, const char *type)
{
    const char *types[MEDIA_TYPES_MAX];
    size_t count = media_types(request->route, types);
    for (size_t i = 0; i < count; i++) {
        if (types[i] == type) {
            return is_type(request->headers.content_type, type);
        }
    }
    return false;
}

bool media_is_json(const struct request *request)
{
    struct parameter charset;
    return (is_accepted_type(request, json_type) || is_accepted_type(request, merge_patch_type)) &&
           (!parameters_find(request->arena, request->headers.content_type, "charset", &charset) ||
            parameters_is_utf8(charset.bytes, charset.length));
}

bool media_is_form(const struct request *request)
{
    return is_accepted_type(request, form_type);
}

bool media_is_body_type(const struct request *request)
{
    return is_accepted_type(request, request->route->body_type);
}

/* --- codings --------------------------------------------------------------------------------- */

struct error *media_check_coding(const struct request *request)
{
    static const char separators[] = ", \t", identity[] = "identity";
    const char *coding = request->headers.content_encoding;
    const struct route *route = request->route;
    if (!route->body && !route->form && !route->body_type) {
        return NULL;
    }
    for (coding += strspn(coding, separators); *coding; coding += strspn(coding, separators)) {
        size_t length = strcspn(coding, separators);
        if (length != strlen(identity) || strncasecmp(coding, identity, length) != 0) {
            return error_new(request->arena, ERR_UNSUPPORTED_CODING, NULL);
        }
        coding += length;
    }
    return request->method == METHOD_PUT && *request->headers.content_range
               ? error_new(request->arena, ERR_BAD_REQUEST, "PUT with Content-Range")
               : NULL;
}

size_t media_mark_length(const struct buffer *text)
{
    static const char mark[] = "\xEF\xBB\xBF";
    size_t length = strlen(mark);
    return text->length >= length && !memcmp(text->bytes, mark, length) ? length : 0;
}

/* --- headers of replies ---------------------------------------------------------------------- */

static const char *list_types(struct arena *arena, const struct route *route)
{
    const char *types[MEDIA_TYPES_MAX];
    size_t count = media_types(route, types);
    struct buffer list = {.arena = arena};
    for (size_t i = 0; i < count; i++) {
        buffer_format(&list, "%s%s", i ? ", " : "", types[i]);
    }
    return list.bytes;
}

void media_add_accept_patch(const struct request *request, const struct route *patch,
                            struct reply *reply)
{
    if (patch && patch->body) {
        reply_header(reply, "Accept-Patch", list_types(request->arena, patch));
    }
}

void media_add_accepted(const struct request *request, const struct error *error,
                        struct reply *reply)
{
    const struct route *route = request->route;
    if (error->id == ERR_UNSUPPORTED_CODING) {
        reply_header(reply, "Accept-Encoding", "identity");
    } else if (error->id == ERR_UNSUPPORTED_MEDIA_TYPE) {
        reply_header(reply, "Accept", list_types(request->arena, route));
        media_add_accept_patch(request, route->method == METHOD_PATCH ? route : NULL, reply);
    }
}
