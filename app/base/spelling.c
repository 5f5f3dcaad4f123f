/* See spelling.h. */
#include "base/spelling.h"

#include "base/arena.h"
#include "base/fold.h"
#include "base/log.h"
#include "base/utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/uidna.h>

enum {
    SEPARATOR = ',',
    DOMAIN_GROWTH = 4, /* maximum factor by which a conversion lengthens a long domain */
    DOMAIN_ROOM = 64,  /* additional bytes, for "xn--" in short labels */
};

/* --- characters ------------------------------------------------------------------------------- */

/* Returns the replacement of a character that fold_text() would expand. It would expand an acute
 * accent to a space and a combining accent, and a sign such as ™ to letters, which would become a
 * part of the word before it. */
static int32_t replace_before_fold(int32_t character)
{
    switch (character) {
    case 0x00B4: /* acute accent */
    case 0x1FFD: /* Greek oxia, equivalent to the acute accent */
        return '\'';
    case 0x00A9: /* copyright */
    case 0x00AE: /* registered */
    case 0x2116: /* numero sign */
    case 0x2117: /* sound recording copyright */
    case 0x2120: /* service mark */
    case 0x2122: /* trade mark */
        return SEPARATOR;
    default:
        return character;
    }
}

/* Returns the replacement of a character that has one of its own, which may be the character
 * itself. Returns 0 if the Unicode category of the character decides its replacement. */
static int32_t replace_listed_character(int32_t character)
{
    switch (character) {
    case '`':
    case 0x02B9: /* modifier letter prime */
    case 0x02BB: /* turned comma, the okina */
    case 0x02BC: /* modifier letter apostrophe */
    case 0x02C8: /* modifier letter vertical line */
    case 0x055A: /* Armenian apostrophe */
    case 0x05F3: /* Hebrew geresh */
    case 0x2018: /* left single quotation mark */
    case 0x2019: /* right single quotation mark */
    case 0x201B: /* reversed single quotation mark */
    case 0x2032: /* prime */
    case 0xA78C: /* saltillo */
        return '\'';
    case 0x02D7: /* modifier letter minus */
    case 0x2043: /* hyphen bullet */
    case 0x2212: /* minus */
        return '-';
    case 0x3002: /* ideographic full stop, which people type in domains */
        return '.';
    case '$':
    case '\'':
    case '+':
    case '-':
    case '.':
    case '@':
    case '_':
    case '&':
    case 0x00B7: /* middle dot, occurs inside Catalan words */
    case 0x05F4: /* Hebrew gershayim, occurs inside acronyms */
        return character;
    case '<':
    case '=':
    case '>':
    case '^':
    case '|':
    case '~':
    case 0x2044: /* fraction slash */
    case 0x2215: /* division slash */
        return SEPARATOR;
    default:
        return 0;
    }
}

static int32_t replace_after_fold(int32_t character)
{
    int32_t replacement = replace_listed_character(character);
    if (replacement) {
        return replacement;
    }
    switch (u_charType(character)) {
    case U_DECIMAL_DIGIT_NUMBER:
        return '0' + u_charDigitValue(character);
    case U_DASH_PUNCTUATION:
        return '-';
    case U_START_PUNCTUATION:
        return '(';
    case U_END_PUNCTUATION:
        return ')';
    case U_INITIAL_PUNCTUATION:
    case U_FINAL_PUNCTUATION:
    case U_OTHER_PUNCTUATION:
    case U_CONTROL_CHAR:
        return SEPARATOR;
    default:
        return character;
    }
}

/* Returns a copy of the text with each character replaced by replace(). A replacement that differs
 * from the character is ASCII. */
static char *replace_characters(struct arena *arena, const char *text,
                                int32_t (*replace)(int32_t character))
{
    size_t length = strlen(text);
    size_t written = 0;
    char *out = arena_alloc(arena, length + 1);
    for (size_t at = 0; at < length;) {
        size_t start = at;
        int32_t character = utf8_next(text, length, &at);
        int32_t replacement = replace(character);
        if (replacement != character) {
            out[written++] = (char)replacement;
        } else {
            memcpy(out + written, text + start, at - start);
            written += at - start;
        }
    }
    return out;
}

char *spelling_unify(struct arena *arena, const char *text)
{
    if (!text) {
        return NULL;
    }
    const char *folded = fold_text(arena, replace_characters(arena, text, replace_before_fold));
    return replace_characters(arena, folded, replace_after_fold);
}

/* --- domains ---------------------------------------------------------------------------------- */

typedef int32_t convert_domain(const UIDNA *idna, const char *name, int32_t length, char *dest,
                               int32_t capacity, UIDNAInfo *info, UErrorCode *status);

static const char *apply_to_domain(struct arena *arena, const char *domain, convert_domain *convert)
{
    static UIDNA *idna; /* never closed */
    UErrorCode status = U_ZERO_ERROR;
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    if (!idna) {
        idna = uidna_openUTS46(UIDNA_NONTRANSITIONAL_TO_UNICODE | UIDNA_NONTRANSITIONAL_TO_ASCII,
                               &status);
    }
    if (U_FAILURE(status)) {
        log_error("ICU: cannot open the table of domains: %s", u_errorName(status));
        exit(EXIT_FAILURE);
    }
    int32_t length = (int32_t)strlen(domain);
    int32_t size = length * DOMAIN_GROWTH + DOMAIN_ROOM;
    char *out = arena_alloc(arena, (size_t)size);
    int32_t written = convert(idna, domain, length, out, size, &info, &status);
    return U_SUCCESS(status) && !info.errors && written < size ? out : NULL;
}

const char *spelling_unicode_domain(struct arena *arena, const char *domain)
{
    return apply_to_domain(arena, domain, uidna_nameToUnicodeUTF8);
}

const char *spelling_ascii_domain(struct arena *arena, const char *domain)
{
    return apply_to_domain(arena, domain, uidna_nameToASCII_UTF8);
}
