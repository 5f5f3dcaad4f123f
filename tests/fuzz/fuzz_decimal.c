/*
 * Fuzzes the parser of numbers. The first byte selects the scale, the rest is the text. The result
 * agrees with the plain digits of the number, which are computed in another way: by moving the
 * decimal point. Another notation of the same value has the same result.
 */
#include "base/buffer.h"
#include "base/decimal.h"
#include "fuzz.h"

enum { PLACES_MAX = 9, SHIFT_MAX = 60, INT64_DIGITS = 19 };

/* True for a number as in RFC 8259 6, with leading zeros allowed. */
static bool is_number(const char *text)
{
    static const char digits[] = "0123456789";
    text += *text == '-';
    size_t whole = strspn(text, digits);
    text += whole;
    size_t places = *text == '.' ? strspn(text + 1, digits) : 1;
    text += *text == '.' ? places + 1 : 0;
    size_t exponent = 1;
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '-' || *text == '+';
        exponent = strspn(text, digits);
        text += exponent;
    }
    return whole && places && exponent && !*text;
}

/* Computes the digits of a number in units of 10^-scale. Returns false if it has more decimal
 * places. */
static bool compute_digits(struct buffer *out, const char *text, int64_t shift)
{
    size_t length = strcspn(text, "eE"), point = strcspn(text, ".eE");
    for (size_t i = 0; i < length; i++) {
        shift -= i > point; /* the digit is a decimal place */
        if (i != point) {
            buffer_add_char(out, text[i]);
        }
    }
    for (; shift > 0; shift--) {
        buffer_add_char(out, '0');
    }
    for (; shift < 0; shift++) {
        if (out->length && out->bytes[--out->length] != '0') {
            return false;
        }
    }
    buffer_add_char(out, '\0');
    return true;
}

static void check_exact(struct arena *arena, const char *text, int scale, int64_t integer)
{
    struct buffer digits = {.arena = arena}, plain = {.arena = arena};
    const char *mark = text + strcspn(text, "eE");
    long exponent = *mark ? strtol(mark + 1, NULL, 10) : 0;
    buffer_add_decimal(&plain, integer, scale);
    int64_t again = 0;
    FUZZ_CHECK(decimal_parse(plain.bytes, scale, &again) == DECIMAL_EXACT && again == integer);
    if (exponent > SHIFT_MAX || exponent < -SHIFT_MAX) {
        return;
    }
    FUZZ_CHECK(compute_digits(&digits, text + (*text == '-'), exponent + scale));
    const char *first = digits.bytes + strspn(digits.bytes, "0");
    FUZZ_CHECK(strlen(first) <= INT64_DIGITS);
    uint64_t size = integer < 0 ? -(uint64_t)integer : (uint64_t)integer;
    FUZZ_CHECK(strtoull(first, NULL, 10) == size);
    FUZZ_CHECK(!size || (integer < 0) == (*text == '-'));
}

/* The value is the same if the exponent grows by one and the point moves, here by one place of a
 * number that has no point. */
static void check_other_notation(struct arena *arena, const char *text, int scale,
                                 enum decimal_result result, int64_t integer)
{
    int64_t other = 0;
    if (!strpbrk(text, ".eE")) {
        const char *shifted = arena_format(arena, "%s000.0e-3", text);
        FUZZ_CHECK(decimal_parse(shifted, scale, &other) == result && other == integer);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    int scale = size ? *data % (PLACES_MAX + 1) : 0;
    char *text = fuzz_string(data + (size != 0), size - (size != 0));
    int64_t integer = 0;
    enum decimal_result result = decimal_parse(text, scale, &integer);
    FUZZ_CHECK((result != DECIMAL_MALFORMED) == is_number(text));
    FUZZ_CHECK(result == DECIMAL_EXACT || !integer);
    FUZZ_CHECK(result != DECIMAL_TOO_SMALL || *text == '-');
    FUZZ_CHECK(result != DECIMAL_TOO_LARGE || *text != '-');
    if (result == DECIMAL_EXACT) {
        check_exact(arena, text, scale, integer);
    }
    if (result != DECIMAL_MALFORMED) {
        check_other_notation(arena, text, scale, result, integer);
    }
    free(text);
    arena_free(&arena);
    return 0;
}
