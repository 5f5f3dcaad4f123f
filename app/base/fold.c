/* See fold.h. */
#include "base/fold.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/log.h"
#include "base/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/ucol.h>
#include <unicode/uidna.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utf16.h>
#include <unicode/uversion.h>

/* The version of Kontora's own rules. Increase it when a change of the code changes the form or the
 * search text (rest/search.h) of any text. */
#define RULES "1"

enum {
    VERSION_SIZE = 128,
    UTF8_PER_UNIT = 3, /* maximum bytes of UTF-8 for one unit of UTF-16 */
    ROOM = 32,         /* additional units, because folding may lengthen a short text */
};

/* ICU's tables; they are never closed. */
static struct {
    bool opened;
    const UNormalizer2 *casefold, *compose, *decompose, *compatible;
    UIDNA *idna;
    UCollator *collator;
    UCollator *letters; /* ignores accents and the forms of letters */
    char version[VERSION_SIZE];
} icu;

/* A text in UTF-16. */
struct units {
    UChar *text;
    int32_t length;
};

/* Exits if an ICU operation failed. The operations fail only without memory or without ICU's data.
 */
static void require_success(UErrorCode status, const char *operation)
{
    if (U_FAILURE(status)) {
        log_error("ICU: cannot %s: %s", operation, u_errorName(status));
        exit(EXIT_FAILURE);
    }
}

static void format_version(void)
{
    UVersionInfo collation;
    char collation_text[U_MAX_VERSION_STRING_LENGTH];
    UVersionInfo own;
    char own_text[U_MAX_VERSION_STRING_LENGTH];
    UVersionInfo unicode;
    char unicode_text[U_MAX_VERSION_STRING_LENGTH];
    u_getVersion(own);
    u_getUnicodeVersion(unicode);
    ucol_getVersion(icu.collator, collation);
    u_versionToString(own, own_text);
    u_versionToString(unicode, unicode_text);
    u_versionToString(collation, collation_text);
    snprintf(icu.version, sizeof icu.version, RULES " icu %s unicode %s collation %s", own_text,
             unicode_text, collation_text);
}

void fold_prepare(void)
{
    UErrorCode status = U_ZERO_ERROR;
    if (icu.opened) {
        return;
    }
    icu.casefold = unorm2_getNFKCCasefoldInstance(&status);
    icu.compose = unorm2_getNFCInstance(&status);
    icu.decompose = unorm2_getNFDInstance(&status);
    icu.compatible = unorm2_getNFKCInstance(&status);
    icu.idna = uidna_openUTS46(UIDNA_NONTRANSITIONAL_TO_UNICODE | UIDNA_CHECK_CONTEXTJ, &status);
    icu.collator = ucol_open("", &status);
    require_success(status, "open its tables");
    ucol_setAttribute(icu.collator, UCOL_NORMALIZATION_MODE, UCOL_ON, &status);
    icu.letters = ucol_open("", &status);
    require_success(status, "open its tables");
    ucol_setStrength(icu.letters, UCOL_PRIMARY);
    ucol_setAttribute(icu.letters, UCOL_NORMALIZATION_MODE, UCOL_ON, &status);
    require_success(status, "prepare the collation");
    format_version();
    icu.opened = true;
}

const char *fold_version(void)
{
    fold_prepare();
    return icu.version;
}

/* --- UTF-16 ----------------------------------------------------------------------------------- */

static struct units read_utf8(struct arena *arena, const char *text)
{
    UErrorCode status = U_ZERO_ERROR;
    int32_t length = (int32_t)strlen(text);
    struct units units = {.text = arena_array(arena, (size_t)length + 1, sizeof *units.text)};
    u_strFromUTF8WithSub(units.text, length + 1, &units.length, text, length, 0xFFFD, NULL,
                         &status);
    require_success(status, "convert from UTF-8");
    return units;
}

static char *write_utf8(struct arena *arena, struct units units)
{
    UErrorCode status = U_ZERO_ERROR;
    int32_t size = units.length * UTF8_PER_UNIT + 1;
    char *text = arena_alloc(arena, (size_t)size);
    u_strToUTF8WithSub(text, size, NULL, units.text, units.length, 0xFFFD, NULL, &status);
    require_success(status, "convert to UTF-8");
    return text;
}

static struct units normalize_units(struct arena *arena, const UNormalizer2 *form,
                                    struct units units)
{
    struct units normal = {.length = units.length * 2 + ROOM};
    UErrorCode status;
    do { /* after an overflow, repeats with the size that ICU has returned */
        status = U_ZERO_ERROR;
        int32_t size = normal.length;
        normal.text = arena_array(arena, (size_t)size, sizeof *normal.text);
        normal.length =
            unorm2_normalize(form, units.text, units.length, normal.text, size, &status);
    } while (status == U_BUFFER_OVERFLOW_ERROR);
    require_success(status, "normalize a text");
    return normal;
}

/* --- names ------------------------------------------------------------------------------------ */

static bool is_ascii(const char *text)
{
    while (*text && !(*text & 0x80)) {
        text++;
    }
    return !*text;
}

/* Makes one space of several. */
static struct units merge_spaces(struct units units)
{
    int32_t length = 0;
    for (int32_t i = 0; i < units.length; i++) {
        if (units.text[i] != ' ' || (length && units.text[length - 1] != ' ')) {
            units.text[length++] = units.text[i];
        }
    }
    units.length = length;
    return units;
}

static struct units trim_units(struct units units)
{
    while (units.length && *units.text == ' ') {
        units.text++;
        units.length--;
    }
    while (units.length && units.text[units.length - 1] == ' ') {
        units.length--;
    }
    return units;
}

static bool is_ascii_space(char character)
{
    return character == ' ' || (character >= '\t' && character <= '\r');
}

/* Folds ASCII text as fold_text() does, without ICU's tables. */
static char *fold_ascii(struct arena *arena, const char *text)
{
    while (is_ascii_space(*text)) {
        text++;
    }
    size_t length = strlen(text);
    while (length && is_ascii_space(text[length - 1])) {
        length--;
    }
    char *folded = arena_alloc(arena, length + 1);
    size_t end = 0;
    for (size_t i = 0; i < length; i++) {
        char character = text[i];
        if (is_ascii_space(character)) {
            if (folded[end - 1] == ' ') {
                continue;
            }
            character = ' ';
        } else if (character >= 'A' && character <= 'Z') {
            character = (char)(character - 'A' + 'a');
        }
        folded[end++] = character;
    }
    folded[end] = '\0';
    return folded;
}

char *fold_text(struct arena *arena, const char *text)
{
    if (!text) {
        return NULL;
    }
    if (is_ascii(text)) {
        return fold_ascii(arena, text);
    }
    fold_prepare();
    /* Removes invisible characters first, because they may separate a letter from its combining
     * marks. Decomposes before folding, because case folding depends on the order of the marks
     * (D147). */
    struct units units =
        normalize_units(arena, icu.decompose, read_utf8(arena, utf8_normalize_blanks(arena, text)));
    units = normalize_units(arena, icu.casefold, units);
    return write_utf8(arena, trim_units(merge_spaces(units)));
}

/* --- normalization ---------------------------------------------------------------------------- */

static char *normalize_text(struct arena *arena, const UNormalizer2 *form, const char *text)
{
    return write_utf8(arena, normalize_units(arena, form, read_utf8(arena, text)));
}

char *fold_compose(struct arena *arena, const char *text)
{
    if (is_ascii(text)) {
        return arena_string(arena, text);
    }
    fold_prepare();
    return normalize_text(arena, icu.compose, text);
}

char *fold_decompose(struct arena *arena, const char *text)
{
    if (is_ascii(text)) {
        return arena_string(arena, text);
    }
    fold_prepare();
    return normalize_text(arena, icu.decompose, text);
}

/* --- case ------------------------------------------------------------------------------------- */

/* Requires both cases to be equal: the Kelvin sign has the small letter of K, and ı has the capital
 * letter of i, but each of them is another letter. */
static bool equals_letter(UChar32 a, UChar32 b)
{
    return a == b || (u_tolower(a) == u_tolower(b) && u_toupper(a) == u_toupper(b));
}

bool fold_equals_case(struct arena *arena, const char *a, const char *b)
{
    const char *left = fold_compose(arena, a), *right = fold_compose(arena, b);
    size_t left_length = strlen(left), right_length = strlen(right), i = 0, j = 0;
    while (i < left_length && j < right_length) {
        if (!equals_letter(utf8_next(left, left_length, &i), utf8_next(right, right_length, &j))) {
            return false;
        }
    }
    return i == left_length && j == right_length;
}

bool fold_may_equal(struct arena *arena, const char *a, const char *b)
{
    UErrorCode status = U_ZERO_ERROR;
    const char *left = fold_text(arena, a), *right = fold_text(arena, b);
    fold_prepare();
    UCollationResult order = ucol_strcollUTF8(icu.letters, left, (int32_t)strlen(left), right,
                                              (int32_t)strlen(right), &status);
    require_success(status, "compare two texts");
    return order == UCOL_EQUAL;
}

/* --- addresses -------------------------------------------------------------------------------- */

/* Returns the Unicode form of a domain; NULL if it is not a valid domain. */
static const char *decode_domain(struct arena *arena, const char *domain)
{
    /* Errors that do not affect the Unicode form: wrong lengths, and hyphens at the ends of labels.
     */
    enum {
        TOLERATED = UIDNA_ERROR_EMPTY_LABEL | UIDNA_ERROR_LABEL_TOO_LONG |
                    UIDNA_ERROR_DOMAIN_NAME_TOO_LONG | UIDNA_ERROR_LEADING_HYPHEN |
                    UIDNA_ERROR_TRAILING_HYPHEN
    };
    UErrorCode status = U_ZERO_ERROR;
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    int32_t length = (int32_t)strlen(domain);
    int32_t size = length * UTF8_PER_UNIT + 1;
    char *decoded;
    fold_prepare();
    do { /* after an overflow, repeats with the size that ICU has returned */
        status = U_ZERO_ERROR;
        decoded = arena_alloc(arena, (size_t)size);
        size = uidna_nameToUnicodeUTF8(icu.idna, domain, length, decoded, size, &info, &status) + 1;
    } while (status == U_BUFFER_OVERFLOW_ERROR);
    return U_SUCCESS(status) && !(info.errors & ~(uint32_t)TOLERATED) ? decoded : NULL;
}

/* Returns the part of the address after its last "@"; NULL if there is no "@". Characters that fold
 * to "@" count as well. */
static const char *find_domain(const char *address)
{
    static const char *const signs[] = {"@", "\uFF20", "\uFE6B"};
    const char *domain = NULL;
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        const char *from = domain ? domain : address;
        for (const char *at; (at = strstr(from, signs[i]));) {
            domain = from = at + strlen(signs[i]);
        }
    }
    return domain;
}

/* Folds a text like fold_text(), but keeps ß and makes ß of ẞ. */
static char *fold_around_sharp_s(struct arena *arena, const char *text)
{
    static const char small[] = "ß", capital[] = "ẞ";
    struct buffer folded = {.arena = arena};
    for (;;) {
        const char *one = strstr(text, small), *other = strstr(text, capital);
        const char *end = one && (!other || one < other) ? one : other;
        size_t length = end ? (size_t)(end - text) : strlen(text);
        buffer_add_string(&folded, fold_text(arena, arena_copy(arena, text, length)));
        if (!end) {
            return folded.bytes;
        }
        buffer_add_string(&folded, small);
        text = end + strlen(end == one ? small : capital);
    }
}

char *fold_address(struct arena *arena, const char *address)
{
    bool sharp = address && find_domain(address) && strpbrk(address, "\xC3\xE1");
    char *folded = sharp ? fold_around_sharp_s(arena, address) : fold_text(arena, address);
    char *at = folded ? strrchr(folded, '@') : NULL;
    const char *domain = at ? find_domain(address) : NULL;
    if (!domain || strchr(at, ' ') || (is_ascii(domain) && !strstr(at, "xn--"))) {
        return folded;
    }
    domain = fold_decompose(arena, utf8_trim(arena, domain, strlen(domain)));
    /* Decodes the original domain, because fold_text() makes different domains equal: it turns ß
     * into ss. If the original domain is invalid, tries the folded one. */
    const char *decoded = decode_domain(arena, domain);
    decoded = decoded ? decoded : decode_domain(arena, at + 1);
    return decoded ? arena_format(arena, "%.*s%s", (int)(at + 1 - folded), folded, decoded)
                   : folded;
}

char *fold_encode_address(struct arena *arena, const char *address)
{
    enum { ASCII_MAX = 512 }; /* a domain name has at most 255 bytes */
    const char *at = strrchr(address, '@');
    char ascii[ASCII_MAX];
    UErrorCode status = U_ZERO_ERROR;
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    if (!at || !at[1]) {
        return NULL;
    }
    fold_prepare();
    int32_t length = uidna_nameToASCII_UTF8(icu.idna, at + 1, (int32_t)strlen(at + 1), ascii,
                                            ASCII_MAX, &info, &status);
    return U_SUCCESS(status) && !info.errors && length < ASCII_MAX
               ? arena_format(arena, "%.*s@%.*s", (int)(at - address), address, (int)length, ascii)
               : NULL;
}

/* --- variants of ASCII ------------------------------------------------------------------------ */

/* True if NFKC or a change of case turns the character into visible ASCII characters. */
static bool is_variant_of_ascii(UChar32 character)
{
    enum { UNITS_MAX = 32, ASCII_END = 0x80 }; /* NFKC of a character has at most 18 units */
    UErrorCode status = U_ZERO_ERROR;
    UChar text[2], normal[UNITS_MAX];
    int32_t length = 0;
    U16_APPEND_UNSAFE(text, length, character);
    length = unorm2_normalize(icu.compatible, text, length, normal, UNITS_MAX, &status);
    require_success(status, "normalize a character");
    for (int32_t i = 0; i < length; i++) {
        if (normal[i] > ' ' && normal[i] < ASCII_END) {
            return true;
        }
    }
    return u_tolower(character) < ASCII_END || u_toupper(character) < ASCII_END;
}

bool fold_has_ascii_variant(const char *text, size_t length)
{
    enum { ASCII_END = 0x80 };
    for (size_t at = 0; at < length;) {
        int32_t character = utf8_next(text, length, &at);
        if (character < ASCII_END) {
            continue;
        }
        fold_prepare();
        if (is_variant_of_ascii(character)) {
            return true;
        }
    }
    return false;
}

/* --- order ------------------------------------------------------------------------------------ */

/* Writes a sort key and returns its length. If the length is greater than `size`, the content of
 * `key` is undefined. */
static int32_t write_sort_key(struct units units, unsigned char *key, int32_t size)
{
    int32_t length = ucol_getSortKey(icu.collator, units.text, units.length, key, size);
    require_success(length ? U_ZERO_ERROR : U_MEMORY_ALLOCATION_ERROR, "compute a sort key");
    return length;
}

size_t fold_sort_key(struct arena *arena, const char *text, const unsigned char **key_r)
{
    fold_prepare();
    struct units units = read_utf8(arena, text);
    unsigned char *key = arena_alloc(arena, FOLD_SORT_KEY_MAX);
    int32_t length = write_sort_key(units, key, FOLD_SORT_KEY_MAX);
    if (length > FOLD_SORT_KEY_MAX) {
        key = arena_alloc(arena, (size_t)length);
        (void)write_sort_key(units, key, length);
        length = FOLD_SORT_KEY_MAX;
    }
    *key_r = key;
    return (size_t)length;
}

int fold_compare(const char *a, size_t a_length, const char *b, size_t b_length)
{
    UErrorCode status = U_ZERO_ERROR;
    size_t shorter = a_length < b_length ? a_length : b_length;
    fold_prepare();
    int order = ucol_strcollUTF8(icu.collator, a, (int32_t)a_length, b, (int32_t)b_length, &status);
    require_success(status, "compare two texts");
    order = order ? order : memcmp(a, b, shorter);
    return order ? order : (a_length > b_length) - (a_length < b_length);
}
