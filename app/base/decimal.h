/*
 * Decimal: the exact value of a number that is written as text. One value has many texts: 1000,
 * 1000.00, 1e3 and 10000E-1 are equal. Never converts through floating point.
 */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include <stdint.h>

enum decimal_result {
    DECIMAL_EXACT,
    DECIMAL_MALFORMED, /* the text is not a number */
    DECIMAL_INEXACT,   /* the value has more than `scale` decimal places */
    DECIMAL_TOO_SMALL, /* the result is less than INT64_MIN */
    DECIMAL_TOO_LARGE, /* the result is greater than INT64_MAX */
};

/* Parses a number in the format of RFC 8259 6, leading zeros allowed, as an integer in units of
 * 10^-scale: 1.5 with scale 2 is 150. Sets *integer_r only if the result is DECIMAL_EXACT. Takes
 * time proportional to the length of the text, whatever its exponent. */
enum decimal_result decimal_parse(const char *text, int scale, int64_t *integer_r);

#endif
