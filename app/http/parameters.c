/* See parameters.h. */
#include "http/parameters.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/utf8.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const char blanks[] = " \t";

/* --- reading --------------------------------------------------------------------------------- */

/* What stands in quotes; `*at` is behind the first, and is moved behind the last. False without one. */
static bool read_quoted(struct buffer *value, const char **at)
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

static void read_token(struct buffer *value, const char **at)
{
    size_t length = strcspn(*at, "; \t");
    buffer_add(value, *at, length);
    *at += length;
}

/* The next parameter: its name, and its value in `value`. False if there is none, or what is there is
 * broken. */
static bool read_parameter(const char **at, const char **name_r, size_t *length_r,
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
        return read_quoted(value, at);
    }
    read_token(value, at);
    return true;
}

bool parameters_find(struct arena *arena, const char *field, const char *name,
                     struct parameter *value_r)
{
    struct buffer value = {.arena = arena};
    const char *found;
    size_t length;
    buffer_reserve(&value, 1);
    while (read_parameter(&field, &found, &length, &value)) {
        if (length == strlen(name) && !strncasecmp(found, name, length)) {
            *value_r = (struct parameter){value.bytes, value.length};
            return true;
        }
    }
    return false;
}

static int hex_digit(char c)
{
    int lower = c | 0x20;
    return c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

int parameters_hex(const char *digits)
{
    int high = hex_digit(digits[0]);
    int low = high < 0 ? -1 : hex_digit(digits[1]);
    return low < 0 ? -1 : high * 16 + low;
}

/* Undoes percent-encoding, also of NUL. */
static bool decode(struct buffer *out, const char *text)
{
    for (; *text; text++) {
        int byte = *text == '%' ? parameters_hex(text + 1) : *text;
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
    static const char charset[] = "utf-8'";
    struct parameter whole;
    struct buffer value = {.arena = arena};
    if (!parameters_find(arena, field, arena_format(arena, "%s*", name), &whole) ||
        strncasecmp(whole.bytes, charset, strlen(charset)) != 0) {
        return false;
    }
    const char *text = strchr(whole.bytes + strlen(charset), '\'');
    buffer_reserve(&value, 1);
    if (!text || !decode(&value, text + 1) || !utf8_valid(value.bytes, value.length)) {
        return false;
    }
    *value_r = (struct parameter){value.bytes, value.length};
    return true;
}

/* --- writing --------------------------------------------------------------------------------- */

/* What every recipient takes as it stands: ASCII that ends no string, begins no escape and separates no
 * path. All else is an underscore, one a character. */
static void add_plain(struct buffer *out, const char *name, size_t length)
{
    for (size_t at = 0; at < length;) {
        int32_t character = utf8_next(name, length, &at);
        bool plain = character >= ' ' && character < 0x7F && !strchr("\"\\/%", character);
        if (plain) {
            buffer_add(out, name + at - 1, 1); /* ASCII is one byte */
        } else {
            buffer_add_char(out, '_');
        }
    }
}

/* Percent-encodes all but attr-char (RFC 8187 3.2.1). */
static void add_extended(struct buffer *out, const char *name, size_t length)
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

const char *parameters_attachment(struct arena *arena, const char *name, size_t length)
{
    struct buffer out = {.arena = arena};
    buffer_add_string(&out, "attachment; filename=\"");
    add_plain(&out, name, length);
    buffer_add_string(&out, "\"; filename*=UTF-8''");
    add_extended(&out, name, length);
    return out.bytes;
}
