/* See jsonw.h. */
#include "base/jsonw.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <stdint.h>
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

/* True for characters that need no escape: printable ASCII except the quotation mark and the
 * backslash. */
static bool needs_no_escape(unsigned char c)
{
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

enum { WORD = sizeof(uint64_t) };

/* Tests eight bytes at once. Each subtraction sets the highest bit of the bytes that it makes
 * negative. A borrow can change the result for the next byte only if the result is false anyway. */
static bool word_needs_no_escape(uint64_t word)
{
    const uint64_t ones = UINT64_MAX / 0xFF, highest = ones << 7;
    uint64_t control = word - ones * 0x20;
    uint64_t quote = (word ^ ones * '"') - ones;
    uint64_t backslash = (word ^ ones * '\\') - ones;
    uint64_t rubout = (word ^ ones * 0x7F) - ones;
    return !((word | control | quote | backslash | rubout) & highest);
}

/* Copies bytes up to the first that needs an escape. Returns the number of copied bytes. */
static size_t copy_unescaped(char *to, const char *bytes, size_t length)
{
    size_t count = 0;
    uint64_t word;
    while (length - count >= WORD) {
        memcpy(&word, bytes + count, WORD);
        if (!word_needs_no_escape(word)) {
            break;
        }
        memcpy(to + count, &word, WORD);
        count += WORD;
    }
    while (count < length && needs_no_escape((unsigned char)bytes[count])) {
        to[count] = bytes[count];
        count++;
    }
    return count;
}

/* Appends the bytes from offset `at` on, the first of which needs an escape. */
static void add_escaped(struct buffer *out, const char *bytes, size_t length, size_t at)
{
    static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD in UTF-8 */
    while (at < length) {
        size_t start = at;
        int32_t character = utf8_next(bytes, length, &at);
        if (character < 0) {
            buffer_add(out, replacement, sizeof replacement - 1);
        } else if (character < 0x80) {
            add_escape(out, (unsigned char)character);
        } else {
            buffer_add(out, bytes + start, at - start);
        }
        size_t count = copy_unescaped(buffer_reserve(out, length - at), bytes + at, length - at);
        out->length += count;
        at += count;
    }
}

/* Appends a quoted string between the characters `before` and `behind`; NUL means no character.
 * Reserves space once: most strings are short and need no escapes. */
static void add_quoted(struct buffer *out, char before, const char *bytes, size_t length,
                       char behind)
{
    enum { DELIMITERS = 4 }; /* two quotes, `before` and `behind` */
    char *start = buffer_reserve(out, length + DELIMITERS), *at = start;
    *at = before;
    at += before != '\0';
    *at++ = '"';
    size_t count = copy_unescaped(at, bytes, length);
    at += count;
    if (count < length) {
        out->length += (size_t)(at - start);
        add_escaped(out, bytes, length, count);
        start = at = buffer_reserve(out, 2);
    }
    *at++ = '"';
    *at = behind;
    at += behind != '\0';
    *at = '\0';
    out->length += (size_t)(at - start);
}

/* Writes the comma and the key that precede a value. */
static void begin_value(struct jsonw *json, const char *key)
{
    bool comma = json->comma;
    json->comma = true;
    if (key) {
        add_quoted(json->out, comma ? ',' : '\0', key, strlen(key), ':');
    } else if (comma) {
        buffer_add_char(json->out, ',');
    }
}

static void write_open(struct jsonw *json, const char *key, char bracket)
{
    begin_value(json, key);
    buffer_add_char(json->out, bracket);
    json->comma = false;
}

static void write_close(struct jsonw *json, char bracket)
{
    buffer_add_char(json->out, bracket);
    json->comma = true;
}

void jsonw_open_object(struct jsonw *json, const char *key)
{
    write_open(json, key, '{');
}

void jsonw_close_object(struct jsonw *json)
{
    write_close(json, '}');
}

void jsonw_open_array(struct jsonw *json, const char *key)
{
    write_open(json, key, '[');
}

void jsonw_close_array(struct jsonw *json)
{
    write_close(json, ']');
}

void jsonw_bytes(struct jsonw *json, const char *key, const char *bytes, size_t length)
{
    begin_value(json, key);
    add_quoted(json->out, '\0', bytes, length, '\0');
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
    begin_value(json, key);
    buffer_add_decimal(json->out, integer, scale);
}

void jsonw_boolean(struct jsonw *json, const char *key, bool boolean)
{
    begin_value(json, key);
    buffer_add_string(json->out, boolean ? "true" : "false");
}

void jsonw_null(struct jsonw *json, const char *key)
{
    begin_value(json, key);
    buffer_add_string(json->out, "null");
}

void jsonw_raw(struct jsonw *json, const char *key, const char *text)
{
    begin_value(json, key);
    buffer_add_string(json->out, text);
}

void jsonw_time(struct jsonw *json, const char *key, int64_t wall_ms)
{
    char text[CLOCK_TEXT_SIZE];
    jsonw_string(json, key, clock_format(wall_ms, text));
}
