/* See decimal.h. */
#include "base/decimal.h"

#include "base/number.h"

#include <stdbool.h>
#include <stddef.h>

enum { INT64_DIGITS = 19 };

/* Exponents are limited to this absolute value. It exceeds the number of digits of any text, so
 * that a limited exponent leads to the same result. */
static const int64_t exponent_max = INT64_MAX / 16;

/* The significant digits of a number, from its first to its last digit that is not zero. */
struct significand {
    const char *first; /* NULL: the number is zero */
    const char *last;
    int64_t exponent; /* power of ten of the last digit */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Skips digits, and notes those that are not zero. Returns false if there are none. */
static bool scan_digits(const char **at, struct significand *significand)
{
    const char *start = *at;
    for (; is_digit(**at); ++*at) {
        if (**at != '0') {
            significand->first = significand->first ? significand->first : *at;
            significand->last = *at;
        }
    }
    return *at > start;
}

/* Parses an optional exponent. Returns false if it has no digits. */
static bool parse_exponent(const char **at, int64_t *exponent_r)
{
    *exponent_r = 0;
    if (**at != 'e' && **at != 'E') {
        return true;
    }
    ++*at;
    bool negative = **at == '-';
    *at += negative || **at == '+';
    const char *start = *at;
    for (; is_digit(**at); ++*at) {
        int64_t longer = *exponent_r * DECIMAL + (**at - '0');
        *exponent_r = longer < exponent_max ? longer : exponent_max;
    }
    *exponent_r = negative ? -*exponent_r : *exponent_r;
    return *at > start;
}

/* Parses a number without its sign. Returns false if the text is not a number. */
static bool parse_significand(const char *at, struct significand *significand_r)
{
    struct significand significand = {.first = NULL};
    int64_t exponent;
    if (!scan_digits(&at, &significand)) {
        return false;
    }
    const char *ones = at - 1;
    const char *point = *at == '.' ? at++ : NULL;
    if ((point && !scan_digits(&at, &significand)) || !parse_exponent(&at, &exponent)) {
        return false;
    }
    if (significand.first) {
        bool in_fraction = point && significand.last > point;
        significand.exponent =
            exponent + (in_fraction ? point - significand.last : ones - significand.last);
    }
    *significand_r = significand;
    return !*at;
}

/* Appends a decimal digit to a number, which is negative because INT64_MIN has no positive
 * counterpart. Returns false if the result does not fit. */
static bool append_digit(int64_t *negative, int digit)
{
    return !__builtin_mul_overflow(*negative, DECIMAL, negative) &&
           !__builtin_sub_overflow(*negative, digit, negative);
}

/* Computes -(digits * 10^zeros). Returns false if the result does not fit. */
static bool compute_negative(const struct significand *significand, int64_t zeros,
                             int64_t *negative_r)
{
    *negative_r = 0;
    for (const char *at = significand->first; at <= significand->last; at++) {
        if (*at != '.' && !append_digit(negative_r, *at - '0')) {
            return false;
        }
    }
    bool fits = zeros < INT64_DIGITS;
    for (; fits && zeros; zeros--) {
        fits = append_digit(negative_r, 0);
    }
    return fits;
}

enum decimal_result decimal_parse(const char *text, int scale, int64_t *integer_r)
{
    struct significand significand;
    int64_t integer = 0;
    bool negative = *text == '-';
    if (!parse_significand(text + negative, &significand)) {
        return DECIMAL_MALFORMED;
    }
    if (significand.first) {
        int64_t zeros = significand.exponent + scale;
        if (zeros < 0) {
            return DECIMAL_INEXACT;
        }
        if (!compute_negative(&significand, zeros, &integer)) {
            return negative ? DECIMAL_TOO_SMALL : DECIMAL_TOO_LARGE;
        }
        if (!negative && __builtin_sub_overflow(0, integer, &integer)) {
            return DECIMAL_TOO_LARGE;
        }
    }
    *integer_r = integer;
    return DECIMAL_EXACT;
}
