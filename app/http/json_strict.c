/* See json_strict.h. The text is well-formed but for these points, so this needs no grammar. */
#include "http/json_strict.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    ESCAPE_LENGTH = 6, /* \uXXXX */
    HEX = 16,
};

struct scan {
    const char *text;
    size_t length, at;
    size_t members;
    const char *fault; /* NULL: none yet */
};

/* NUL beyond the end: the text has none of its own. */
static char character_at(const struct scan *scan, size_t at)
{
    if (at < scan->length) {
        return scan->text[at];
    }
    return '\0';
}

static char next_visible(const struct scan *scan)
{
    size_t at = scan->at;
    while (at < scan->length && strchr(" \t\r\n", scan->text[at])) {
        at++;
    }
    return character_at(scan, at);
}

/* The code unit of the \uXXXX at the cursor, -1 if there is none. */
static long code_unit(const struct scan *scan)
{
    const char *at = scan->text + scan->at;
    if (scan->length - scan->at < ESCAPE_LENGTH || at[0] != '\\' || at[1] != 'u') {
        return -1;
    }
    return strtol((char[]){at[2], at[3], at[4], at[5], '\0'}, NULL, HEX);
}

/* Passes over one escape: a surrogate only together with its other half. */
static void pass_escape(struct scan *scan, bool *nul)
{
    long unit = code_unit(scan);
    if (unit < 0) {
        scan->at += 2; /* \n and its like */
        return;
    }
    *nul |= unit == 0;
    scan->at += ESCAPE_LENGTH;
    if (unit >= 0xDC00 && unit <= 0xDFFF) {
        scan->fault = "a lone surrogate";
    } else if (unit >= 0xD800 && unit <= 0xDBFF) {
        long low = code_unit(scan);
        if (low < 0xDC00 || low > 0xDFFF) {
            scan->fault = "a lone surrogate";
        }
        scan->at += ESCAPE_LENGTH;
    }
}

/* Passes over a string whose opening quote is behind the cursor. */
static void pass_string(struct scan *scan)
{
    bool nul = false;
    while (!scan->fault && scan->at < scan->length && scan->text[scan->at] != '"') {
        if (scan->text[scan->at] == '\\') {
            pass_escape(scan, &nul);
        } else if ((unsigned char)scan->text[scan->at] < ' ') {
            scan->fault = "a control character in a string";
        } else {
            scan->at++;
        }
    }
    scan->at++;
    if (!scan->fault && next_visible(scan) == ':') {
        scan->members++;
        if (nul) {
            scan->fault = "NUL in a name"; /* json-c would end the name there */
        }
    }
}

static size_t pass_digits(struct scan *scan)
{
    size_t start = scan->at;
    while (character_at(scan, scan->at) >= '0' && character_at(scan, scan->at) <= '9') {
        scan->at++;
    }
    return scan->at - start;
}

/* Passes over a number that begins at the cursor. json-c takes 01, 1. and -.5, and makes of what 64
 * bits do not hold the next best that they do (RFC 8259 6 and 9). */
static void pass_number(struct scan *scan)
{
    const char *start = scan->text + scan->at;
    scan->at += *start == '-';
    bool zero = character_at(scan, scan->at) == '0';
    size_t digits = pass_digits(scan);
    if (!digits || (zero && digits > 1)) {
        scan->fault = "a number without digits or with a zero before them";
    } else if (character_at(scan, scan->at) == '.') {
        scan->at++;
        scan->fault = pass_digits(scan) ? NULL : "a point without digits";
    } else if (character_at(scan, scan->at) != 'e' && character_at(scan, scan->at) != 'E') {
        errno = 0;
        (void)strtoll(start, NULL, 10);
        scan->fault = errno ? "an integer of more than 64 bits" : NULL;
    }
    /* json-c has seen to the exponent, whose digits are not to be taken for another number */
    while (scan->at < scan->length && strchr("eE+-0123456789", scan->text[scan->at])) {
        scan->at++;
    }
}

static void pass_other(struct scan *scan, char c)
{
    if (c == 'N' || c == 'I') {
        scan->fault = "NaN or Infinity";
    } else if (c == '\'') {
        scan->fault = "a name in single quotes";
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        scan->at--;
        pass_number(scan);
    }
}

const char *json_strict_check(const char *text, size_t length, size_t *members_r)
{
    struct scan scan = {.text = text, .length = length};
    while (!scan.fault && scan.at < length) {
        char c = text[scan.at++];
        if (c == '"') {
            pass_string(&scan);
        } else {
            pass_other(&scan, c);
        }
    }
    *members_r = scan.members;
    return scan.fault;
}
