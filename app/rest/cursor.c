/* See cursor.h. */
#include "rest/cursor.h"

#include "auth/digest.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "base/fold.h"
#include "base/number.h"
#include "base/random.h"
#include "http/parameters.h"
#include "http/request.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* number of bytes of digest_fold_version() that are written before each sort key */
enum { VERSION_BYTES = 4 };

static const char *format_hex(struct arena *arena, const void *bytes, size_t count)
{
    char *hex = arena_alloc(arena, 2 * count + 1);
    random_format_hex(bytes, count, hex);
    return hex;
}

/* Decodes hexadecimal digits in place. Returns false if the text has other characters. */
static bool parse_hex(char *text, size_t *length_r)
{
    *length_r = 0;
    for (const char *at = text; *at; at += 2) {
        int byte = parameters_parse_hex(at);
        if (byte < 0) {
            return false;
        }
        text[(*length_r)++] = (char)byte;
    }
    return true;
}

/* Returns a digest, whose first VERSION_BYTES bytes identify the version of a sort key. */
static const unsigned char *digest_fold_version(struct arena *arena)
{
    const char *version = fold_version();
    return digest_sha256(arena, version, strlen(version));
}

/* Appends a value after "!", which separates the parts of a cursor and occurs in none of them. A
 * value begins with its type. */
static void add_value(struct buffer *cursor, const struct cursor_value *value)
{
    struct arena *arena = cursor->arena;
    buffer_format(cursor, "!%c", (char)value->type);
    switch (value->type) {
    case CURSOR_INTEGER:
        buffer_format(cursor, "%" PRId64, value->integer);
        break;
    case CURSOR_TEXT:
        buffer_add_string(cursor, request_encode_segment(arena, value->text));
        break;
    case CURSOR_SORT_KEY:
        buffer_add_string(cursor, format_hex(arena, digest_fold_version(arena), VERSION_BYTES));
        buffer_add_string(cursor, format_hex(arena, value->text, value->length));
        break;
    }
}

const char *cursor_format(struct arena *arena, const char *order, const struct cursor_value *values,
                          size_t count)
{
    struct buffer cursor = {.arena = arena};
    buffer_add_string(&cursor, request_encode_segment(arena, order));
    for (size_t i = 0; i < count; i++) {
        add_value(&cursor, &values[i]);
    }
    return cursor.bytes;
}

static bool read_sort_key(struct arena *arena, char *hex, struct cursor_value *value)
{
    size_t length;
    if (!parse_hex(hex, &length) || length < VERSION_BYTES ||
        memcmp(hex, digest_fold_version(arena), VERSION_BYTES) != 0) {
        return false;
    }
    value->text = hex + VERSION_BYTES;
    value->length = length - VERSION_BYTES;
    return true;
}

static bool read_value(struct arena *arena, char *part, struct cursor_value *value)
{
    char *end = NULL;
    if (*part++ != (char)value->type) {
        return false;
    }
    switch (value->type) {
    case CURSOR_INTEGER:
        value->integer = strtoll(part, &end, DECIMAL);
        return *part && !*end;
    case CURSOR_TEXT:
        value->text = part;
        return request_decode(part, false);
    case CURSOR_SORT_KEY:
        return read_sort_key(arena, part, value);
    }
    return false;
}

bool cursor_parse(struct arena *arena, const char *cursor, const char *order,
                  struct cursor_value *values, size_t count)
{
    char *rest = arena_string(arena, cursor);
    char *part = strsep(&rest, "!");
    if (!part || !request_decode(part, false) || strcmp(part, order) != 0) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        part = strsep(&rest, "!");
        if (!part || !read_value(arena, part, &values[i])) {
            return false;
        }
    }
    return !rest;
}
