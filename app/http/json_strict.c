/* See json_strict.h. Scans the text once, without recursion. Numbers in comments are sections of
 * RFC 8259. */
#include "http/json_strict.h"

#include "base/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    ESCAPE_LENGTH = 6, /* \uXXXX */
    HEX_BITS = 4,
};

/* The next token that the grammar allows; white space may precede it. */
enum next {
    NEXT_VALUE,
    NEXT_ITEM_OR_CLOSE, /* expected after [ */
    NEXT_NAME,
    NEXT_NAME_OR_CLOSE,  /* expected after { */
    NEXT_COMMA_OR_CLOSE, /* expected after a value; at nesting 0, the text may end */
};

struct scan {
    const char *text;
    size_t length, at;
    size_t members;
    uint64_t objects; /* one bit per open bracket, lowest: innermost; 1: object, 0: array */
    int nesting;
    const char *fault; /* NULL: no fault so far */
};

_Static_assert(JSON_STRICT_NESTING_MAX <= 64, "`objects` has one bit per open bracket");

/* --- character classes ----------------------------------------------------------------------- */

enum { PLAIN = 1, SPACE = 2, DIGIT = 4, HEX = 8, SIMPLE_ESCAPE = 16 };

/* PLAIN: ASCII characters that a string may contain without an escape (7). */
static const unsigned char classes[UINT8_MAX + 1] = {
    ['\t'] = SPACE,
    ['\n'] = SPACE,
    ['\r'] = SPACE,
    [' '] = PLAIN | SPACE,
    ['!'] = PLAIN,
    ['"'] = SIMPLE_ESCAPE,
    ['#' ... '.'] = PLAIN,
    ['/'] = PLAIN | SIMPLE_ESCAPE,
    ['0' ... '9'] = PLAIN | DIGIT | HEX,
    [':' ... '@'] = PLAIN,
    ['A' ... 'F'] = PLAIN | HEX,
    ['G' ... '['] = PLAIN,
    ['\\'] = SIMPLE_ESCAPE,
    [']' ... '`'] = PLAIN,
    ['a'] = PLAIN | HEX,
    ['b'] = PLAIN | HEX | SIMPLE_ESCAPE,
    ['c' ... 'e'] = PLAIN | HEX,
    ['f'] = PLAIN | HEX | SIMPLE_ESCAPE,
    ['g' ... 'm'] = PLAIN,
    ['n'] = PLAIN | SIMPLE_ESCAPE,
    ['o' ... 'q'] = PLAIN,
    ['r'] = PLAIN | SIMPLE_ESCAPE,
    ['s'] = PLAIN,
    ['t'] = PLAIN | SIMPLE_ESCAPE,
    ['u' ... 0x7F] = PLAIN,
};

static bool has_class(int class, char c)
{
    return classes[(unsigned char)c] & class;
}

/* Returns the next character; NUL, which the grammar allows nowhere, at the end of the text. */
static char peek_char(const struct scan *scan)
{
    if (scan->at < scan->length) {
        return scan->text[scan->at];
    }
    return '\0';
}

static void set_fault(struct scan *scan, const char *fault)
{
    scan->fault = scan->at < scan->length ? fault : "unexpected end of text";
}

static void skip_space(struct scan *scan)
{
    while (has_class(SPACE, peek_char(scan))) {
        scan->at++;
    }
}

/* --- strings (7) ----------------------------------------------------------------------------- */

/* Returns the code unit of the \uXXXX at the current position; -1 if there is none. */
static int32_t parse_code_unit(const struct scan *scan)
{
    const char *at = scan->text + scan->at;
    if (scan->length - scan->at < ESCAPE_LENGTH || at[0] != '\\' || at[1] != 'u') {
        return -1;
    }
    int32_t unit = 0;
    for (int i = 2; i < ESCAPE_LENGTH; i++) {
        if (!has_class(HEX, at[i])) {
            return -1;
        }
        int digit = has_class(DIGIT, at[i]) ? at[i] - '0' : (at[i] | ' ') - 'a' + 10;
        unit = unit << HEX_BITS | digit;
    }
    return unit;
}

/* Skips one escape, or a surrogate pair of two escapes. Sets *nul if the escape encodes NUL. */
static void skip_escape(struct scan *scan, bool *nul)
{
    if (scan->length - scan->at >= 2 && has_class(SIMPLE_ESCAPE, scan->text[scan->at + 1])) {
        scan->at += 2;
        return;
    }
    int32_t unit = parse_code_unit(scan);
    if (unit < 0) {
        scan->fault = "unknown escape sequence";
        return;
    }
    *nul |= unit == 0;
    scan->at += ESCAPE_LENGTH;
    if (unit >= 0xD800 && unit <= 0xDBFF) {
        int32_t low = parse_code_unit(scan);
        if (low < 0xDC00 || low > 0xDFFF) {
            scan->fault = "unpaired surrogate";
            return;
        }
        scan->at += ESCAPE_LENGTH;
    } else if (unit >= 0xDC00 && unit <= 0xDFFF) {
        scan->fault = "unpaired surrogate";
    }
}

/* True if all of the next eight bytes are PLAIN. Tests them at once with haszero() and hasless() of
 * "Bit Twiddling Hacks" (Anderson). Their borrows do not cause wrong results here, because only
 * bytes that are not PLAIN borrow from the next byte. */
static bool are_plain_bytes(const char *bytes)
{
    const uint64_t ones = UINT64_MAX / UINT8_MAX, highs = ones << 7;
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');
    return !((word | (word - ones * ' ') | (quote - ones) | (backslash - ones)) & highs);
}

static void skip_plain(struct scan *scan)
{
    const char *text = scan->text;
    size_t at = scan->at, length = scan->length;
    while (length - at >= sizeof(uint64_t) && are_plain_bytes(text + at)) {
        at += sizeof(uint64_t);
    }
    while (at < length && has_class(PLAIN, text[at])) {
        at++;
    }
    scan->at = at;
}

/* Skips a string. Sets *nul if it contains an escaped NUL. */
static void skip_string(struct scan *scan, bool *nul)
{
    scan->at++; /* the opening quote */
    for (;;) {
        skip_plain(scan);
        char c = peek_char(scan);
        if (c == '"') {
            scan->at++;
            return;
        }
        if (c == '\\') {
            skip_escape(scan, nul);
        } else if ((unsigned char)c < ' ') {
            set_fault(scan, "control character in a string");
        } else {
            size_t end = utf8_skip_non_ascii(scan->text, scan->length, scan->at);
            if (end == scan->at) {
                scan->fault = "invalid UTF-8";
            }
            scan->at = end;
        }
        if (scan->fault) {
            return;
        }
    }
}

/* --- numbers (6) and literals (3) ------------------------------------------------------------ */

static size_t skip_digits(struct scan *scan)
{
    size_t start = scan->at;
    while (has_class(DIGIT, peek_char(scan))) {
        scan->at++;
    }
    if (scan->at == start) {
        set_fault(scan, "number without digits");
    }
    return scan->at - start;
}

static void skip_number(struct scan *scan)
{
    scan->at += peek_char(scan) == '-';
    const char *digits = scan->text + scan->at;
    size_t count = skip_digits(scan);
    if (count > 1 && *digits == '0') {
        scan->fault = "number with a leading zero";
    }
    if (!scan->fault && peek_char(scan) == '.') {
        scan->at++;
        skip_digits(scan);
    }
    if (!scan->fault && (peek_char(scan) | ' ') == 'e') {
        scan->at++;
        scan->at += peek_char(scan) == '+' || peek_char(scan) == '-';
        skip_digits(scan);
    }
}

static void skip_literal(struct scan *scan, const char *literal)
{
    size_t length = strlen(literal);
    if (scan->length - scan->at < length || memcmp(scan->text + scan->at, literal, length) != 0) {
        scan->fault = "unknown literal";
        return;
    }
    scan->at += length;
}

/* --- structure (2, 4, 5) --------------------------------------------------------------------- */

static enum next enter_bracket(struct scan *scan, bool object)
{
    if (scan->nesting == JSON_STRICT_NESTING_MAX) {
        scan->fault = "nesting too deep";
    }
    scan->at++;
    scan->nesting++;
    scan->objects = scan->objects << 1 | object;
    return object ? NEXT_NAME_OR_CLOSE : NEXT_ITEM_OR_CLOSE;
}

static enum next leave_bracket(struct scan *scan)
{
    scan->at++;
    scan->nesting--;
    scan->objects >>= 1;
    return NEXT_COMMA_OR_CLOSE;
}

static enum next skip_value(struct scan *scan)
{
    char c = peek_char(scan);
    if (c == '"') {
        skip_string(scan, &(bool){false});
    } else if (c == '{' || c == '[') {
        return enter_bracket(scan, c == '{');
    } else if (c == '-' || has_class(DIGIT, c)) {
        skip_number(scan);
    } else if (c == 't') {
        skip_literal(scan, "true");
    } else if (c == 'f') {
        skip_literal(scan, "false");
    } else if (c == 'n') {
        skip_literal(scan, "null");
    } else {
        set_fault(scan, "value expected");
    }
    return NEXT_COMMA_OR_CLOSE;
}

static enum next skip_member_name(struct scan *scan)
{
    bool nul = false;
    if (peek_char(scan) != '"') {
        set_fault(scan, "name expected");
        return NEXT_NAME;
    }
    skip_string(scan, &nul);
    if (scan->fault) {
        return NEXT_NAME;
    }
    skip_space(scan);
    if (nul) {
        scan->fault = "NUL in a name";
    } else if (peek_char(scan) != ':') {
        set_fault(scan, "colon expected after a name");
    }
    scan->at++;
    scan->members++;
    return NEXT_VALUE;
}

static enum next skip_token(struct scan *scan, enum next next)
{
    bool object = scan->objects & 1;
    char c = peek_char(scan);
    switch (next) {
    case NEXT_VALUE:
        break;
    case NEXT_ITEM_OR_CLOSE:
        return c == ']' ? leave_bracket(scan) : skip_value(scan);
    case NEXT_NAME:
        return skip_member_name(scan);
    case NEXT_NAME_OR_CLOSE:
        return c == '}' ? leave_bracket(scan) : skip_member_name(scan);
    case NEXT_COMMA_OR_CLOSE:
        if (c == ',') {
            scan->at++;
            return object ? NEXT_NAME : NEXT_VALUE;
        }
        if (c == (object ? '}' : ']')) {
            return leave_bracket(scan);
        }
        set_fault(scan, "comma or closing bracket expected after a value");
        return next;
    }
    return skip_value(scan);
}

const char *json_strict_check(const char *text, size_t length, size_t *members_r)
{
    struct scan scan = {.text = text, .length = length};
    enum next next = NEXT_VALUE;
    do {
        skip_space(&scan);
        next = skip_token(&scan, next);
    } while (!scan.fault && (scan.nesting || next != NEXT_COMMA_OR_CLOSE));
    skip_space(&scan);
    if (!scan.fault && scan.at < length) {
        scan.fault = "text after the value";
    }
    *members_r = scan.members;
    return scan.fault;
}
