/* See request.h. */
#include "http/request.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/number.h"
#include "base/random.h"
#include "base/utf8.h"
#include "http/language.h"
#include "http/parameters.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const char *const route_method_names[METHOD_COUNT] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

bool request_decode(char *text, bool plus_is_space)
{
    if (!strpbrk(text, plus_is_space ? "%+" : "%")) {
        return utf8_valid(text, strlen(text));
    }
    char *out = text;
    for (const char *in = text; *in; in++) {
        if (*in == '%') {
            int byte = parameters_parse_hex(in + 1);
            if (byte <= 0) {
                return false;
            }
            *out++ = (char)byte;
            in += 2;
        } else {
            bool space = *in == '+' && plus_is_space;
            *out++ = (char)(space ? ' ' : *in);
        }
    }
    *out = '\0';
    return utf8_valid(text, (size_t)(out - text));
}

const char *request_encode_segment(struct arena *arena, const char *segment)
{
    static const char digits[] = "0123456789ABCDEF";
    char *encoded = arena_alloc(arena, 3 * strlen(segment) + 1);
    char *out = encoded;
    for (const char *in = segment; *in; in++) {
        unsigned char c = (unsigned char)*in;
        if (c < 0x80 && (isalnum(c) || strchr("-._~", c))) {
            *out++ = (char)c;
        } else {
            *out++ = '%';
            *out++ = digits[c >> 4];
            *out++ = digits[c & 15];
        }
    }
    return encoded;
}

static void parse_method(struct request *request)
{
    const char *name = request->headers.method;
    request->head = !strcmp(name, "HEAD");
    request->method = METHOD_GET;
    while (!request->head && request->method < METHOD_COUNT &&
           strcmp(name, route_method_names[request->method]) != 0) {
        request->method++;
    }
}

static struct error *new_path_error(struct request *request)
{
    return error_new(request->arena, ERR_BAD_REQUEST, "the path cannot be decoded");
}

/* Splits the path before decoding it, so that %2F is part of a segment and not a separator. */
static struct error *parse_path(struct request *request)
{
    char *path = arena_string(request->arena, request->headers.uri);
    char *question = strchr(path, '?');
    request->query_text = "";
    if (question) {
        *question = '\0';
        request->query_text = question + 1;
    }
    if (*path != '/') {
        return new_path_error(request);
    }
    if (!path[1]) {
        return NULL; /* "/" has no segment */
    }
    for (char *segment = path + 1; segment;) {
        char *slash = strchr(segment, '/');
        if (slash) {
            *slash = '\0';
        }
        if (request->segments_count == REQUEST_SEGMENTS_MAX) {
            return error_new(request->arena, ERR_NOT_FOUND, NULL);
        }
        if (!request_decode(segment, false)) {
            return new_path_error(request);
        }
        request->segments[request->segments_count++] = segment;
        segment = slash ? slash + 1 : NULL;
    }
    return NULL;
}

static bool is_id_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

/* Uses the client's request id if it is short and has only safe characters; generates one
 * otherwise. */
static void choose_request_id(struct request *request)
{
    const char *id = request->headers.request_id;
    size_t length = 0;
    while (is_id_character(id[length])) {
        length++;
    }
    if (length && length <= REQUEST_ID_MAX && !id[length]) {
        request->id = id;
    } else {
        request->id = random_id(arena_alloc(request->arena, RANDOM_ID_SIZE));
    }
}

struct error *request_parse(struct request *request, enum config_language standard_language)
{
    choose_request_id(request);
    request->language = language_choose(request->headers.accept_language, standard_language);
    parse_method(request);
    return parse_path(request);
}

const char *request_optional_path_value(const struct request *request, const char *name)
{
    const char *pattern = request->route->pattern;
    size_t length = strlen(name);
    for (size_t i = 0; i < request->segments_count; i++) {
        pattern = strchr(pattern, '/') + 1;
        if (*pattern == '{' && !strncmp(pattern + 1, name, length) && pattern[1 + length] == '}') {
            return request->segments[i];
        }
    }
    return NULL;
}

const char *request_path_value(const struct request *request, const char *name)
{
    const char *value = request_optional_path_value(request, name);
    if (!value) {
        log_error("route %s: no placeholder {%s}", request->route->pattern, name);
        abort();
    }
    return value;
}

int64_t request_parse_id(const char *text)
{
    enum { DIGITS_MAX = 18 };
    size_t digits = strspn(text, "0123456789");
    return digits && digits <= DIGITS_MAX && !text[digits] && *text != '0'
               ? strtoll(text, NULL, DECIMAL)
               : 0;
}

int64_t request_path_id(const struct request *request, const char *name)
{
    return request_parse_id(request_path_value(request, name));
}

const char *request_query_string(const struct request *request, const char *name)
{
    return fields_string(request->route->query, request->query, name);
}

int64_t request_query_integer(const struct request *request, const char *name)
{
    return fields_get(request->route->query, request->query, name)->integer;
}

bool request_query_boolean(const struct request *request, const char *name)
{
    const struct value *value = fields_get(request->route->query, request->query, name);
    return value->state == VALUE_SET && value->boolean;
}

struct value *request_body_value(const struct request *request, const char *name)
{
    return fields_get(request->route->body->fields, request->body, name);
}

const char *request_body_string(const struct request *request, const char *name)
{
    return fields_string(request->route->body->fields, request->body, name);
}

void request_count(struct request *request, enum metric metric, size_t series, int64_t amount)
{
    if (request->count.amount) {
        log_error("route %s: more than one metric per request", request->route->pattern);
        abort();
    }
    request->count = (struct request_count){metric, series, amount};
}

struct error *request_read_body(struct request *request, size_t limit, struct buffer *body)
{
    enum { PIECE = 8192 };
    const char *declared = request->headers.content_length;
    unsigned long long expected = strtoull(declared, NULL, 10);
    *body = (struct buffer){.arena = request->arena};
    if (expected > limit) {
        return error_new(request->arena, ERR_PAYLOAD_TOO_LARGE, NULL);
    }
    buffer_reserve(body, expected < PIECE ? (size_t)expected + 1 : PIECE);
    for (size_t length = 1; length;) {
        char *end = buffer_reserve(body, 1); /* doubles a full buffer */
        length = request->input.read(request->input.source, end, body->size - body->length - 1);
        body->length += length;
        body->bytes[body->length] = '\0';
        if (body->length > limit) {
            return error_new(request->arena, ERR_PAYLOAD_TOO_LARGE, NULL);
        }
    }
    if (!request->body_error && *declared && body->length != expected) {
        return error_new(request->arena, ERR_BAD_REQUEST, "the body is incomplete");
    }
    return request->body_error;
}
