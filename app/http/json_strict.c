/* See json_strict.h. The text is well-formed but for these points, so this needs no grammar. */
#include "http/json_strict.h"

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

static void pass_other(struct scan *scan, char c)
{
    if (c == 'N' || c == 'I') {
        scan->fault = "NaN or Infinity";
    } else if (c == '.') {
        char digit = character_at(scan, scan->at);
        if (digit < '0' || digit > '9') {
            scan->fault = "a point without digits";
        }
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
