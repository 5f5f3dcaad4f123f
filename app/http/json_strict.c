/* See json_strict.h. One pass without recursion; numbers in comments are sections of RFC 8259. */
#include "http/json_strict.h"

#include "base/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    ESCAPE_LENGTH = 6, /* \uXXXX */
    HEX_BITS = 4,
    INT64_DIGITS = 19,
};

/* The next token that the grammar allows; white space may stand before each. */
enum next {
    NEXT_VALUE,
    NEXT_ITEM_OR_CLOSE, /* after [ */
    NEXT_NAME,
    NEXT_NAME_OR_CLOSE,  /* after { */
    NEXT_COMMA_OR_CLOSE, /* after a value; or the end of the text if no bracket is open */
};

struct scan {
    const char *text;
    size_t length, at;
    size_t members;
    uint64_t objects; /* one bit per open bracket, the innermost lowest; set for an object */
    int nesting;
    const char *fault; /* NULL: none yet */
};

_Static_assert(JSON_STRICT_NESTING_MAX <= 64, "`objects` has one bit per open bracket");

/* --- characters ------------------------------------------------------------------------------ */

enum { PLAIN = 1, SPACE = 2, DIGIT = 4, HEX = 8, SIMPLE_ESCAPE = 16 };

/* PLAIN is ASCII that stands for itself in a string (7). */
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

static bool is(int class, char c)
{
    return classes[(unsigned char)c] & class;
}

/* Returns NUL at the end of the text: the grammar allows NUL nowhere. */
static char peek(const struct scan *scan)
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

static void pass_space(struct scan *scan)
{
    while (is(SPACE, peek(scan))) {
        scan->at++;
    }
}

/* --- strings (7) ----------------------------------------------------------------------------- */

/* The code unit of the \uXXXX at the cursor, -1 if there is none. */
static int32_t code_unit(const struct scan *scan)
{
    const char *at = scan->text + scan->at;
    if (scan->length - scan->at < ESCAPE_LENGTH || at[0] != '\\' || at[1] != 'u') {
        return -1;
    }
    int32_t unit = 0;
    for (int i = 2; i < ESCAPE_LENGTH; i++) {
        if (!is(HEX, at[i])) {
            return -1;
        }
        int digit = is(DIGIT, at[i]) ? at[i] - '0' : (at[i] | ' ') - 'a' + 10;
        unit = unit << HEX_BITS | digit;
    }
    return unit;
}

/* Passes over one escape: a surrogate only together with its other half. */
static void pass_escape(struct scan *scan, bool *nul)
{
    if (scan->length - scan->at >= 2 && is(SIMPLE_ESCAPE, scan->text[scan->at + 1])) {
        scan->at += 2;
        return;
    }
    int32_t unit = code_unit(scan);
    if (unit < 0) {
        scan->fault = "unknown escape sequence";
        return;
    }
    *nul |= unit == 0;
    scan->at += ESCAPE_LENGTH;
    if (unit >= 0xD800 && unit <= 0xDBFF) {
        int32_t low = code_unit(scan);
        if (low < 0xDC00 || low > 0xDFFF) {
            scan->fault = "unpaired surrogate";
            return;
        }
        scan->at += ESCAPE_LENGTH;
    } else if (unit >= 0xDC00 && unit <= 0xDFFF) {
        scan->fault = "unpaired surrogate";
    }
}

/* True if each of eight bytes is plain. Uses haszero() and hasless() of "Bit Twiddling Hacks"
 * (Anderson). They are exact here although a borrow can reach the next byte: only a byte that is
 * not plain borrows. */
static bool is_plain_word(const char *bytes)
{
    const uint64_t ones = UINT64_MAX / UINT8_MAX, highs = ones << 7;
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');
    return !((word | (word - ones * ' ') | (quote - ones) | (backslash - ones)) & highs);
}

static void pass_plain(struct scan *scan)
{
    const char *text = scan->text;
    size_t at = scan->at, length = scan->length;
    while (length - at >= sizeof(uint64_t) && is_plain_word(text + at)) {
        at += sizeof(uint64_t);
    }
    while (at < length && is(PLAIN, text[at])) {
        at++;
    }
    scan->at = at;
}

static void pass_beyond_ascii(struct scan *scan)
{
    size_t end = utf8_pass_beyond_ascii(scan->text, scan->length, scan->at);
    if (end == scan->at) {
        scan->fault = "invalid UTF-8";
    }
    scan->at = end;
}

static void pass_string(struct scan *scan, bool *nul)
{
    scan->at++; /* skips the opening quote */
    for (;;) {
        pass_plain(scan);
        char c = peek(scan);
        if (c == '"') {
            scan->at++;
            return;
        }
        if (c == '\\') {
            pass_escape(scan, nul);
        } else if ((unsigned char)c < ' ') {
            set_fault(scan, "control character in a string");
        } else {
            pass_beyond_ascii(scan);
        }
        if (scan->fault) {
            return;
        }
    }
}

/* --- numbers (6) and literals (3) ------------------------------------------------------------ */

static size_t pass_digits(struct scan *scan)
{
    size_t start = scan->at;
    while (is(DIGIT, peek(scan))) {
        scan->at++;
    }
    if (scan->at == start) {
        set_fault(scan, "number without digits");
    }
    return scan->at - start;
}

/* True if int64_t holds the number of these digits, which have no leading zero. */
static bool fits_int64(const char *digits, size_t count, bool negative)
{
    const char *greatest = negative ? "9223372036854775808" : "9223372036854775807";
    return count < INT64_DIGITS ||
           (count == INT64_DIGITS && memcmp(digits, greatest, INT64_DIGITS) <= 0);
}

static void pass_number(struct scan *scan)
{
    bool negative = peek(scan) == '-';
    scan->at += negative;
    const char *digits = scan->text + scan->at;
    size_t count = pass_digits(scan);
    if (count > 1 && *digits == '0') {
        scan->fault = "number with a leading zero";
    }
    bool whole = true;
    if (!scan->fault && peek(scan) == '.') {
        whole = false;
        scan->at++;
        pass_digits(scan);
    }
    if (!scan->fault && (peek(scan) | ' ') == 'e') {
        whole = false;
        scan->at++;
        scan->at += peek(scan) == '+' || peek(scan) == '-';
        pass_digits(scan);
    }
    if (!scan->fault && whole && !fits_int64(digits, count, negative)) {
        scan->fault = "integer does not fit into 64 bits";
    }
}

static void pass_literal(struct scan *scan, const char *literal)
{
    size_t length = strlen(literal);
    if (scan->length - scan->at < length || memcmp(scan->text + scan->at, literal, length) != 0) {
        scan->fault = "unknown literal";
        return;
    }
    scan->at += length;
}

/* --- structure (2, 4, 5) --------------------------------------------------------------------- */

static enum next open_bracket(struct scan *scan, bool object)
{
    if (scan->nesting == JSON_STRICT_NESTING_MAX) {
        scan->fault = "nesting too deep";
    }
    scan->at++;
    scan->nesting++;
    scan->objects = scan->objects << 1 | object;
    return object ? NEXT_NAME_OR_CLOSE : NEXT_ITEM_OR_CLOSE;
}

static enum next close_bracket(struct scan *scan)
{
    scan->at++;
    scan->nesting--;
    scan->objects >>= 1;
    return NEXT_COMMA_OR_CLOSE;
}

static enum next pass_value(struct scan *scan)
{
    char c = peek(scan);
    if (c == '"') {
        pass_string(scan, &(bool){false});
    } else if (c == '{' || c == '[') {
        return open_bracket(scan, c == '{');
    } else if (c == '-' || is(DIGIT, c)) {
        pass_number(scan);
    } else if (c == 't') {
        pass_literal(scan, "true");
    } else if (c == 'f') {
        pass_literal(scan, "false");
    } else if (c == 'n') {
        pass_literal(scan, "null");
    } else {
        set_fault(scan, "value expected");
    }
    return NEXT_COMMA_OR_CLOSE;
}

static enum next pass_name(struct scan *scan)
{
    bool nul = false;
    if (peek(scan) != '"') {
        set_fault(scan, "name expected");
        return NEXT_NAME;
    }
    pass_string(scan, &nul);
    if (scan->fault) {
        return NEXT_NAME;
    }
    pass_space(scan);
    if (nul) {
        scan->fault = "NUL in a name";
    } else if (peek(scan) != ':') {
        set_fault(scan, "colon expected after a name");
    }
    scan->at++;
    scan->members++;
    return NEXT_VALUE;
}

static enum next pass_token(struct scan *scan, enum next next)
{
    bool object = scan->objects & 1;
    char c = peek(scan);
    switch (next) {
    case NEXT_VALUE:
        break;
    case NEXT_ITEM_OR_CLOSE:
        return c == ']' ? close_bracket(scan) : pass_value(scan);
    case NEXT_NAME:
        return pass_name(scan);
    case NEXT_NAME_OR_CLOSE:
        return c == '}' ? close_bracket(scan) : pass_name(scan);
    case NEXT_COMMA_OR_CLOSE:
        if (c == ',') {
            scan->at++;
            return object ? NEXT_NAME : NEXT_VALUE;
        }
        if (c == (object ? '}' : ']')) {
            return close_bracket(scan);
        }
        set_fault(scan, "comma or closing bracket expected after a value");
        return next;
    }
    return pass_value(scan);
}

const char *json_strict_check(const char *text, size_t length, size_t *members_r)
{
    struct scan scan = {.text = text, .length = length};
    enum next next = NEXT_VALUE;
    do {
        pass_space(&scan);
        next = pass_token(&scan, next);
    } while (!scan.fault && (scan.nesting || next != NEXT_COMMA_OR_CLOSE));
    pass_space(&scan);
    if (!scan.fault && scan.at < length) {
        scan.fault = "text after the value";
    }
    *members_r = scan.members;
    return scan.fault;
}
