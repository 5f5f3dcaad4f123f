/* See encoded_word.h. */
#include "http/encoded_word.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "http/transfer.h"

#include <iconv.h>
#include <string.h>
#include <strings.h>

enum { UTF8_PER_BYTE = 4 }; /* longest UTF-8 of a character of one byte */

/* The parts of an encoded word. */
struct word {
    const char *charset, *text;
    size_t charset_length, length;
    char encoding;
    const char *end; /* behind the word */
};

/* Charsets of file names, with one byte a character. The client cannot name any other converter of
 * the C library. */
static const char *const charsets[] = {
    "windows-1251", "cp1251",       "koi8-r",       "koi8-u",     "ibm866",
    "cp866",        "iso-8859-5",   "iso-8859-1",   "iso-8859-2", "iso-8859-15",
    "windows-1250", "windows-1252", "windows-1254",
};

static bool is_charset(const struct word *word, const char *name)
{
    return strlen(name) == word->charset_length &&
           !strncasecmp(word->charset, name, word->charset_length);
}

/* Parses the encoded word at `at`. Returns false if there is none. */
static bool parse_word(const char *at, struct word *word_r)
{
    static const char beginning[] = "=?";
    if (strncmp(at, beginning, strlen(beginning)) != 0) {
        return false;
    }
    const char *charset = at + strlen(beginning), *behind = strchr(charset, '?');
    if (!behind || !behind[1] || behind[2] != '?') {
        return false;
    }
    const char *text = behind + 3, *end = strstr(text, "?=");
    if (!end) {
        return false;
    }
    *word_r = (struct word){
        .charset = charset,
        .charset_length = strcspn(charset, "*?"), /* a language may follow: RFC 2231 5 */
        .encoding = (char)(behind[1] | 0x20),
        .text = text,
        .length = (size_t)(end - text),
        .end = end + 2,
    };
    return true;
}

static bool decode_quoted(struct buffer *out, const struct word *word)
{
    for (const char *at = word->text; at < word->text + word->length; at++) {
        bool escaped = *at == '=';
        int byte = escaped ? parameters_parse_hex(at + 1) : *at == '_' ? ' ' : *at;
        if (escaped && byte < 0) {
            return false;
        }
        at += escaped ? 2 : 0;
        buffer_add_char(out, (char)byte);
    }
    return true;
}

static bool decode_text(struct buffer *out, const struct word *word)
{
    struct transfer transfer;
    if (word->encoding == 'q') {
        return decode_quoted(out, word);
    }
    if (word->encoding != 'b' || !transfer_begin(&transfer, "base64")) {
        return false;
    }
    buffer_add(out, word->text, word->length);
    return transfer_decode(&transfer, out->bytes, out->length, &out->length) &&
           transfer_is_complete(&transfer);
}

static bool convert_to_utf8(struct arena *arena, const char *charset, const struct buffer *bytes,
                            struct buffer *out)
{
    iconv_t converter = iconv_open("UTF-8", charset);
    if (converter == (iconv_t)-1) { /* NOLINT(performance-no-int-to-ptr): POSIX defines it so */
        return false;
    }
    char *from = bytes->bytes, *to = arena_alloc(arena, bytes->length * UTF8_PER_BYTE + 1);
    char *begin = to;
    size_t left = bytes->length, space = bytes->length * UTF8_PER_BYTE;
    bool converted = iconv(converter, &from, &left, &to, &space) != (size_t)-1;
    iconv_close(converter);
    buffer_add(out, begin, (size_t)(to - begin));
    return converted;
}

static bool decode_word(struct arena *arena, const struct word *word, struct buffer *out)
{
    struct buffer bytes = {.arena = arena};
    buffer_reserve(&bytes, 1);
    if (!decode_text(&bytes, word)) {
        return false;
    }
    if (is_charset(word, "utf-8") || is_charset(word, "us-ascii")) {
        buffer_add(out, bytes.bytes, bytes.length);
        return true;
    }
    for (size_t i = 0; i < sizeof charsets / sizeof *charsets; i++) {
        if (is_charset(word, charsets[i])) {
            return convert_to_utf8(arena, charsets[i], &bytes, out);
        }
    }
    return false;
}

bool encoded_word_decode(struct arena *arena, const struct parameter *text,
                         struct parameter *decoded_r)
{
    struct buffer out = {.arena = arena};
    const char *word_end = NULL;
    if (strlen(text->bytes) != text->length) { /* contains NUL */
        return false;
    }
    buffer_reserve(&out, text->length);
    for (const char *at = text->bytes; *at;) {
        struct word word;
        const char *next = at == word_end ? at + strspn(at, " \t") : at;
        if (!parse_word(next, &word)) {
            buffer_add_char(&out, *at++);
        } else if (decode_word(arena, &word, &out)) {
            at = word_end = word.end;
        } else {
            return false;
        }
    }
    *decoded_r = (struct parameter){out.bytes, out.length};
    return word_end;
}
