/* See jsonw.h. */
#include "base/jsonw.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <string.h>

static void add_escape(struct buffer *out, unsigned char c)
{
    switch (c) {
    case '"':
        buffer_add(out, "\\\"", 2);
        break;
    case '\\':
        buffer_add(out, "\\\\", 2);
        break;
    case '\n':
        buffer_add(out, "\\n", 2);
        break;
    default:
        buffer_format(out, "\\u%04x", c);
    }
}

static bool plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

/* How many bytes from the first on stand in a string as they are. */
static size_t count_plain(const char *bytes, size_t length)
{
    size_t count = 0;
    while (count < length && plain((unsigned char)bytes[count])) {
        count++;
    }
    return count;
}

/* Bytes that are all plain, quoted, between two characters of which either may be NUL for none. */
static void add_plain(struct buffer *out, char before, const char *bytes, size_t length,
                      char behind)
{
    char *at = buffer_reserve(out, length + 4);
    char *start = at;
    *at = before;
    at += before != '\0';
    *at++ = '"';
    if (length) {
        memcpy(at, bytes, length);
    }
    at += length;
    *at++ = '"';
    *at = behind;
    at += behind != '\0';
    *at = '\0';
    out->length += (size_t)(at - start);
}

static void add_quoted(struct buffer *out, const char *bytes, size_t length)
{
    static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */
    if (count_plain(bytes, length) == length) {       /* nearly always */
        add_plain(out, '\0', bytes, length, '\0');
        return;
    }
    buffer_add_char(out, '"');
    for (size_t at = 0; at < length;) {
        size_t start = at;
        at += count_plain(bytes + at, length - at);
        buffer_add(out, bytes + start, at - start);
        if (at == length) {
            break;
        }
        start = at;
        int32_t character = utf8_next(bytes, length, &at);
        if (character < 0) {
            buffer_add(out, replacement, sizeof replacement - 1);
        } else if (character < 0x80) {
            add_escape(out, (unsigned char)character);
        } else {
            buffer_add(out, bytes + start, at - start);
        }
    }
    buffer_add_char(out, '"');
}

/* What stands before a value: a comma, and the key inside an object. */
static void begin(struct jsonw *json, const char *key)
{
    bool comma = json->comma;
    size_t length = key ? strlen(key) : 0;
    json->comma = true;
    if (key && count_plain(key, length) == length) {
        add_plain(json->out, comma ? ',' : '\0', key, length, ':');
        return;
    }
    if (comma) {
        buffer_add_char(json->out, ',');
    }
    if (key) {
        add_quoted(json->out, key, length);
        buffer_add_char(json->out, ':');
    }
}

static void open(struct jsonw *json, const char *key, char bracket)
{
    begin(json, key);
    buffer_add_char(json->out, bracket);
    json->comma = false;
}

static void close(struct jsonw *json, char bracket)
{
    buffer_add_char(json->out, bracket);
    json->comma = true;
}

void jsonw_open_object(struct jsonw *json, const char *key)
{
    open(json, key, '{');
}

void jsonw_close_object(struct jsonw *json)
{
    close(json, '}');
}

void jsonw_open_array(struct jsonw *json, const char *key)
{
    open(json, key, '[');
}

void jsonw_close_array(struct jsonw *json)
{
    close(json, ']');
}

void jsonw_bytes(struct jsonw *json, const char *key, const char *bytes, size_t length)
{
    begin(json, key);
    add_quoted(json->out, bytes, length);
}

void jsonw_string(struct jsonw *json, const char *key, const char *text)
{
    if (text) {
        jsonw_bytes(json, key, text, strlen(text));
    } else {
        jsonw_null(json, key);
    }
}

void jsonw_integer(struct jsonw *json, const char *key, int64_t integer)
{
    jsonw_decimal(json, key, integer, 0);
}

void jsonw_decimal(struct jsonw *json, const char *key, int64_t integer, int scale)
{
    begin(json, key);
    buffer_add_decimal(json->out, integer, scale);
}

void jsonw_boolean(struct jsonw *json, const char *key, bool boolean)
{
    begin(json, key);
    buffer_add_string(json->out, boolean ? "true" : "false");
}

void jsonw_null(struct jsonw *json, const char *key)
{
    begin(json, key);
    buffer_add_string(json->out, "null");
}

void jsonw_raw(struct jsonw *json, const char *key, const char *text)
{
    begin(json, key);
    buffer_add_string(json->out, text);
}

void jsonw_time(struct jsonw *json, const char *key, int64_t wall_ms)
{
    char text[CLOCK_TEXT_SIZE];
    jsonw_string(json, key, clock_format(wall_ms, text));
}
