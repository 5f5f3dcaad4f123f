/* See parameters.h. */
#include "http/parameters.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/utf8.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const char blanks[] = " \t";

/* --- parsing --------------------------------------------------------------------------------- */

/* Parses a quoted string. *at is behind the opening quote, and is moved behind the closing one.
 * Returns false if there is no closing quote. */
static bool parse_quoted_string(struct buffer *value, const char **at)
{
    const char *text = *at;
    for (; *text && *text != '"'; text++) {
        if (*text == '\\' && (text[1] == '"' || text[1] == '\\')) {
            text++;
        }
        buffer_add_char(value, *text);
    }
    *at = text + (*text == '"');
    return *text == '"';
}

/* Parses the next parameter: its name to *name_r and *length_r, its value to `value`. Returns false
 * at the end, or if the parameter is malformed. */
static bool parse_next_parameter(const char **at, const char **name_r, size_t *length_r,
                                 struct buffer *value)
{
    *at += strcspn(*at, ";");
    *at += strspn(*at, "; \t");
    *name_r = *at;
    *length_r = strcspn(*at, "=; \t");
    *at += *length_r;
    *at += strspn(*at, blanks);
    if (!*length_r || **at != '=') {
        return false;
    }
    ++*at;
    *at += strspn(*at, blanks);
    buffer_clear(value);
    if (**at == '"') {
        ++*at;
        return parse_quoted_string(value, at);
    }
    size_t token_length = strcspn(*at, "; \t");
    buffer_add(value, *at, token_length);
    *at += token_length;
    return true;
}

bool parameters_find(struct arena *arena, const char *field, const char *name,
                     struct parameter *value_r)
{
    struct buffer value = {.arena = arena};
    const char *found;
    size_t length;
    buffer_reserve(&value, 1);
    while (parse_next_parameter(&field, &found, &length, &value)) {
        if (length == strlen(name) && !strncasecmp(found, name, length)) {
            *value_r = (struct parameter){value.bytes, value.length};
            return true;
        }
    }
    return false;
}

bool parameters_is_utf8(const char *charset, size_t length)
{
    /* Aliases of UTF-8 and US-ASCII (IANA, Character Sets; WHATWG Encoding 4.2) that programs
     * send. */
    static const char *const names[] = {"utf-8",    "utf8",  "csutf8",
                                        "us-ascii", "ascii", "ansi_x3.4-1968"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strlen(names[i]) == length && !strncasecmp(names[i], charset, length)) {
            return true;
        }
    }
    return false;
}

static int hex_digit_value(char c)
{
    int lower = c | 0x20;
    return c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

int parameters_parse_hex(const char *digits)
{
    int high = hex_digit_value(digits[0]);
    int low = high < 0 ? -1 : hex_digit_value(digits[1]);
    return low < 0 ? -1 : high * 16 + low;
}

/* Decodes percent-encoding, which may encode NUL. Returns false if it is malformed. */
static bool decode_extended_value(struct buffer *out, const char *text)
{
    for (; *text; text++) {
        int byte = *text == '%' ? parameters_parse_hex(text + 1) : *text;
        if (*text == '%' && byte < 0) {
            return false;
        }
        text += *text == '%' ? 2 : 0;
        buffer_add_char(out, (char)byte);
    }
    return true;
}

bool parameters_find_extended(struct arena *arena, const char *field, const char *name,
                              struct parameter *value_r)
{
    struct parameter whole;
    struct buffer value = {.arena = arena};
    if (!parameters_find(arena, field, arena_format(arena, "%s*", name), &whole)) {
        return false;
    }
    size_t charset_length = strcspn(whole.bytes, "'");
    const char *text = strchr(whole.bytes + charset_length, '\'');
    text = text ? strchr(text + 1, '\'') : NULL; /* behind the language */
    buffer_reserve(&value, 1);
    if (!text || !parameters_is_utf8(whole.bytes, charset_length) ||
        !decode_extended_value(&value, text + 1) || !utf8_valid(value.bytes, value.length)) {
        return false;
    }
    *value_r = (struct parameter){value.bytes, value.length};
    return true;
}

/* --- Content-Disposition --------------------------------------------------------------------- */

/* Adds the name in characters that every client accepts: printable ASCII without the characters
 * that quote, escape or separate paths. Each other character becomes an underscore. */
static void add_ascii_name(struct buffer *out, const char *name, size_t length)
{
    for (size_t at = 0; at < length;) {
        int32_t character = utf8_next(name, length, &at);
        bool plain = character >= ' ' && character < 0x7F && !strchr("\"\\/%", character);
        if (plain) {
            buffer_add(out, name + at - 1, 1); /* an ASCII character is one byte */
        } else {
            buffer_add_char(out, '_');
        }
    }
}

/* Adds the name in the extended form: percent-encodes every byte but attr-char (RFC 8187 3.2.1). */
static void add_extended_name(struct buffer *out, const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c < 0x80 && (isalnum(c) || (c && strchr("!#$&+-.^_`|~", c)))) {
            buffer_add_char(out, (char)c);
        } else {
            buffer_format(out, "%%%02X", c);
        }
    }
}

const char *parameters_format_attachment(struct arena *arena, const char *name, size_t length)
{
    struct buffer out = {.arena = arena};
    buffer_add_string(&out, "attachment; filename=\"");
    add_ascii_name(&out, name, length);
    buffer_add_string(&out, "\"; filename*=UTF-8''");
    add_extended_name(&out, name, length);
    return out.bytes;
}
