/*
 * See filter.h. A parser by recursive descent over tokens. The depth of the recursion is bounded by
 * FILTER_DEPTH_MAX, and the size of the tree by FILTER_TERMS_MAX.
 */
#include "query/filter.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/decimal.h"
#include "base/number.h"
#include "base/utf8.h"

#include <string.h>

enum {
    NAME_SHOWN_MAX = 100, /* characters of an unknown name that an error contains */
    ESCAPE_DIGITS = 4,    /* of \uXXXX */
};

enum token_kind { TOKEN_END, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_STRING, TOKEN_WORD };

/* A piece of the text: a parenthesis, a string with its quotes, or a word (a name, an operator, a
 * number). */
struct token {
    enum token_kind kind;
    const char *start;
    size_t length;
};

struct parser {
    struct arena *arena;
    const struct field *fields;
    const char *text;
    struct token token; /* the next token */
    size_t terms;
    unsigned depth; /* number of open parentheses */
};

static const char blanks[] = " \t\r\n";

/* --- errors ----------------------------------------------------------------------------------- */

/* Returns the position of a character of the text, counted from 1. */
static size_t position_of(const struct parser *parser, const char *place)
{
    size_t position = 1, length = (size_t)(place - parser->text);
    for (size_t at = 0; at < length; position++) {
        utf8_next(parser->text, length, &at);
    }
    return position;
}

/* Returns an error with the position of `place`, then `arguments` unless they are "". */
__attribute__((returns_nonnull)) static struct error *fault_at(const struct parser *parser,
                                                               const char *place,
                                                               enum fault_id fault,
                                                               const char *arguments)
{
    return error_field(parser->arena, "filter", fault,
                       arena_format(parser->arena, "%zu%s%s", position_of(parser, place),
                                    *arguments ? FAULT_ARGUMENT_END : "", arguments));
}

/* Returns an error about the next token. */
static struct error *fault_here(const struct parser *parser, enum fault_id fault)
{
    return fault_at(parser, parser->token.start, fault, "");
}

static struct error *limit_fault(const struct parser *parser, enum fault_id fault, int maximum)
{
    return fault_at(parser, parser->token.start, fault, arena_format(parser->arena, "%d", maximum));
}

/* --- tokens ----------------------------------------------------------------------------------- */

/* Returns the length of the string at `start` with its quotes; 0 if it is not closed. */
static size_t measure_string(const char *start)
{
    const char *at = start + 1;
    while (*at && *at != '"') {
        at += *at == '\\' && at[1] ? 2 : 1;
    }
    return *at ? (size_t)(at + 1 - start) : 0;
}

/* Moves to the next token. */
static struct error *next_token(struct parser *parser)
{
    struct token *token = &parser->token;
    token->start += token->length;
    token->start += strspn(token->start, blanks);
    token->length = 1;
    switch (*token->start) {
    case '\0':
        token->kind = TOKEN_END;
        token->length = 0;
        return NULL;
    case '(':
        token->kind = TOKEN_OPEN;
        return NULL;
    case ')':
        token->kind = TOKEN_CLOSE;
        return NULL;
    case '"':
        token->kind = TOKEN_STRING;
        token->length = measure_string(token->start);
        return token->length ? NULL : fault_here(parser, FAULT_FILTER_STRING);
    default:
        token->kind = TOKEN_WORD;
        token->length = strcspn(token->start, " \t\r\n()\"");
        return NULL;
    }
}

/* True if the token is this word, in any case. */
static bool is_word(const struct token *token, const char *word)
{
    return token->kind == TOKEN_WORD && token->length == strlen(word) &&
           !strncasecmp(token->start, word, token->length);
}

/* --- strings ---------------------------------------------------------------------------------- */

/* Reads the four digits of \uXXXX; -1 if they are not hexadecimal digits. */
static int32_t read_code_unit(const char *digits)
{
    int32_t unit = 0;
    for (size_t i = 0; i < ESCAPE_DIGITS; i++) {
        char c = digits[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + DECIMAL
                    : c >= 'A' && c <= 'F' ? c - 'A' + DECIMAL
                                           : -1;
        if (digit < 0) {
            return -1;
        }
        unit = unit * HEXADECIMAL + digit;
    }
    return unit;
}

/* Appends a character other than NUL. */
static void append_character(struct buffer *out, int32_t character)
{
    if (character < 0x80) {
        buffer_add_char(out, (char)character);
        return;
    }
    int shift = character < 0x800 ? 6 : character < 0x10000 ? 12 : 18;
    int32_t lead = shift == 6 ? 0xC0 : shift == 12 ? 0xE0 : 0xF0;
    buffer_add_char(out, (char)(lead | character >> shift));
    while (shift) {
        shift -= 6;
        buffer_add_char(out, (char)(0x80 | (character >> shift & 0x3F)));
    }
}

/* Appends the character of \uXXXX, or of a surrogate pair of two (RFC 8259 7); `at` points to the
 * backslash. Returns the end of the sequence; NULL if it is no character, or is NUL. */
static const char *read_unicode_escape(struct buffer *out, const char *at)
{
    int32_t unit = read_code_unit(at + 2);
    at += 2 + ESCAPE_DIGITS;
    if (unit >= 0xD800 && unit < 0xDC00 && at[0] == '\\' && at[1] == 'u') {
        int32_t low = read_code_unit(at + 2);
        at += 2 + ESCAPE_DIGITS;
        unit =
            low >= 0xDC00 && low < 0xE000 ? 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00) : -1;
    }
    if (unit <= 0 || (unit >= 0xD800 && unit < 0xE000)) {
        return NULL;
    }
    append_character(out, unit);
    return at;
}

/* Appends the character of the escape sequence at `at`. Returns the end of the sequence; NULL if
 * JSON does not have it. */
static const char *read_escape(struct buffer *out, const char *at)
{
    static const char escaped[] = "\"\\/bfnrt", plain[] = "\"\\/\b\f\n\r\t";
    if (at[1] == 'u') {
        return read_unicode_escape(out, at);
    }
    const char *found = at[1] ? strchr(escaped, at[1]) : NULL;
    if (!found) {
        return NULL;
    }
    buffer_add_char(out, plain[found - escaped]);
    return at + 2;
}

/* Reads the string of the next token. */
static struct error *read_string(const struct parser *parser, struct value *value_r)
{
    const struct token *token = &parser->token;
    const char *at = token->start + 1, *end = token->start + token->length - 1;
    struct buffer out = {.arena = parser->arena};
    buffer_add(&out, "", 0);
    while (at < end) {
        const char *next = at + 1;
        if (*at == '\\') {
            next = read_escape(&out, at);
        } else if ((unsigned char)*at < ' ') {
            next = NULL;
        } else {
            buffer_add_char(&out, *at);
        }
        if (!next) {
            return fault_at(parser, at, FAULT_FILTER_ESCAPE, "");
        }
        at = next;
    }
    *value_r = (struct value){.state = VALUE_SET, .string = {out.bytes, out.length}};
    return NULL;
}

/* --- nodes ------------------------------------------------------------------------------------ */

static const struct filter *new_node(const struct parser *parser, enum filter_kind kind,
                                     const struct filter *left, const struct filter *right)
{
    struct filter *node = arena_alloc(parser->arena, sizeof *node);
    *node = (struct filter){.kind = kind, .left = left, .right = right};
    return node;
}

/* Returns a copy of a term with another operator. */
static const struct filter *new_term(const struct parser *parser, const struct filter *term,
                                     enum filter_operator operator)
{
    struct filter *node = arena_alloc(parser->arena, sizeof *node);
    *node = *term;
    node->operator= operator;
    return node;
}

static const struct filter *new_time_term(const struct parser *parser, const struct filter *term,
                                          enum filter_operator operator, int64_t wall_ms)
{
    struct filter node = *term;
    field_set_integer(&node.value, wall_ms);
    return new_term(parser, &node, operator);
}

/* Returns the node that compares with a date, a day in UTC: `eq` is true within the day, `gt` and
 * `le` compare with its end, `ge` and `lt` with its beginning. */
static const struct filter *new_day_term(const struct parser *parser, const struct filter *term,
                                         const struct clock_span *day)
{
    const struct filter *within;
    switch (term->operator) {
    case FILTER_GREATER:
        return new_time_term(parser, term, FILTER_GREATER_EQUAL, day->until_ms);
    case FILTER_LESS_EQUAL:
        return new_time_term(parser, term, FILTER_LESS, day->until_ms);
    case FILTER_GREATER_EQUAL:
    case FILTER_LESS:
        return new_time_term(parser, term, term->operator, day->from_ms);
    default:
        within = new_node(parser, FILTER_AND,
                          new_time_term(parser, term, FILTER_GREATER_EQUAL, day->from_ms),
                          new_time_term(parser, term, FILTER_LESS, day->until_ms));
        return term->operator== FILTER_NOT_EQUAL ? new_node(parser, FILTER_NOT, within, NULL)
                                                 : within;
    }
}

/* --- values ----------------------------------------------------------------------------------- */

static struct error *type_fault(const struct parser *parser, const struct field *field,
                                enum fault_id fault)
{
    return fault_at(parser, parser->token.start, fault, field->name);
}

static bool has_format(const struct field *field, const char *format)
{
    return field->format && !strcmp(field->format, format);
}

/* True if strings of the field are dates, or dates and times. */
static bool is_date_string(const struct field *field)
{
    return field->type == FIELD_STRING &&
           (has_format(field, "date") || has_format(field, "moment") ||
            has_format(field, "date-time"));
}

static bool is_text_operator(enum filter_operator operator)
{
    return operator== FILTER_CONTAINS || operator== FILTER_STARTS_WITH || operator==
        FILTER_ENDS_WITH;
}

static struct error *read_text_literal(const struct parser *parser, struct filter *term)
{
    const struct field *field = term->field;
    if (parser->token.kind != TOKEN_STRING) {
        return type_fault(parser, field, FAULT_FILTER_TYPE_STRING);
    }
    struct error *error = read_string(parser, &term->value);
    if (error || !is_date_string(field) || is_text_operator(term->operator)) {
        return error;
    }
    const char *text = term->value.string.bytes;
    bool valid = clock_parse_date(text, NULL) ||
                 (!has_format(field, "date") && clock_parse_time(text, NULL));
    return valid ? NULL : type_fault(parser, field, FAULT_FILTER_TYPE_TIME);
}

static struct error *read_number(const struct parser *parser, struct filter *term)
{
    const struct token *token = &parser->token;
    int64_t number = 0;
    enum decimal_result result = DECIMAL_MALFORMED;
    if (token->kind == TOKEN_WORD) {
        result = decimal_parse(arena_copy(parser->arena, token->start, token->length),
                               term->field->scale, &number);
    }
    field_set_integer(&term->value, number);
    return result == DECIMAL_EXACT       ? NULL
           : result == DECIMAL_MALFORMED ? type_fault(parser, term->field, FAULT_FILTER_TYPE_NUMBER)
                                         : type_fault(parser, term->field, FAULT_FILTER_RANGE);
}

static struct error *read_boolean(const struct parser *parser, struct filter *term)
{
    bool is_true = is_word(&parser->token, "true");
    field_set_boolean(&term->value, is_true);
    return is_true || is_word(&parser->token, "false")
               ? NULL
               : type_fault(parser, term->field, FAULT_FILTER_TYPE_BOOLEAN);
}

/* Reads a date or a time, and replaces the term. */
static struct error *read_time(const struct parser *parser, const struct filter *term,
                               const struct filter **node_r)
{
    struct value text = {.string = {"", 0}};
    struct clock_span span;
    if (parser->token.kind != TOKEN_STRING) {
        return type_fault(parser, term->field, FAULT_FILTER_TYPE_TIME);
    }
    struct error *error = read_string(parser, &text);
    if (error) {
        return error;
    }
    if (clock_parse_date(text.string.bytes, &span)) {
        *node_r = new_day_term(parser, term, &span);
    } else if (clock_parse_time(text.string.bytes, &span)) {
        *node_r = new_time_term(parser, term, term->operator, span.from_ms);
    } else {
        return type_fault(parser, term->field, FAULT_FILTER_TYPE_TIME);
    }
    return NULL;
}

/* True if the token can be a value of any type. */
static bool is_value(const struct token *token)
{
    return token->kind == TOKEN_STRING ||
           (token->kind == TOKEN_WORD && (is_word(token, "true") || is_word(token, "false") ||
                                          strchr("-0123456789", *token->start)));
}

/* Reads the value of a term from the next token. */
static struct error *read_term_value(const struct parser *parser, struct filter *term,
                                     const struct filter **node_r)
{
    *node_r = term;
    if (!is_value(&parser->token)) {
        return fault_here(parser, FAULT_FILTER_NO_VALUE);
    }
    switch (term->field->type) {
    case FIELD_STRING:
    case FIELD_STRINGS:
        return read_text_literal(parser, term);
    case FIELD_INTEGER:
    case FIELD_DECIMAL:
        return read_number(parser, term);
    case FIELD_BOOLEAN:
        return read_boolean(parser, term);
    case FIELD_TIME:
        return read_time(parser, term, node_r);
    case FIELD_RECORD: /* a reference: its DN */
        return read_text_literal(parser, term);
    case FIELD_LISTS:
    case FIELD_RECORDS:
        break;
    }
    return fault_here(parser, FAULT_FILTER_NO_VALUE); /* find_field() has rejected the field */
}

/* --- terms ------------------------------------------------------------------------------------ */

static const char *const operator_names[] = {
    [FILTER_PRESENT] = "pr",    [FILTER_EQUAL] = "eq",         [FILTER_NOT_EQUAL] = "ne",
    [FILTER_CONTAINS] = "co",   [FILTER_STARTS_WITH] = "sw",   [FILTER_ENDS_WITH] = "ew",
    [FILTER_GREATER] = "gt",    [FILTER_GREATER_EQUAL] = "ge", [FILTER_LESS] = "lt",
    [FILTER_LESS_EQUAL] = "le",
};

enum { OPERATOR_COUNT = sizeof operator_names / sizeof *operator_names };

const char *filter_operator_name(enum filter_operator operator)
{
    return operator_names[operator];
}

static bool is_visible_field(const struct field *field)
{
    return !(field->flags & (FIELD_SECRET | FIELD_INTERNAL));
}

static bool is_filterable(const struct field *field)
{
    return is_visible_field(field) && !(field->flags & FIELD_NOT_FILTERABLE) &&
           field->type != FIELD_RECORDS &&
           (field->type != FIELD_RECORD || field->codec == CODEC_REFERENCE);
}

static struct error *reject_field(const struct parser *parser)
{
    const struct token *token = &parser->token;
    struct buffer arguments = {.arena = parser->arena};
    size_t end = 0;
    for (size_t i = 0, at = 0; at < token->length && i < NAME_SHOWN_MAX; i++, end = at) {
        utf8_next(token->start, token->length, &at);
    }
    buffer_add(&arguments, token->start, end);
    const char *between = FAULT_ARGUMENT_END;
    for (const struct field *field = parser->fields; field->name; field++) {
        if (is_filterable(field)) {
            buffer_format(&arguments, "%s%s", between, field->name);
            between = ", ";
        }
    }
    return fault_at(parser, token->start, FAULT_FILTER_UNKNOWN, arguments.bytes);
}

/* Finds the field that the next token names. */
static struct error *find_field(const struct parser *parser, const struct field **field_r)
{
    const struct token *token = &parser->token;
    const struct field *field = parser->fields;
    while (field->name && !(is_visible_field(field) && is_word(token, field->name))) {
        field++;
    }
    *field_r = field;
    if (!field->name) {
        bool complex = strcspn(token->start, ".[:") < token->length;
        return complex ? fault_here(parser, FAULT_FILTER_COMPLEX) : reject_field(parser);
    }
    if (!is_filterable(field)) {
        struct error *error = error_new(parser->arena, ERR_NOT_FILTERABLE, NULL);
        return error_detail(error, field->name, FAULT_FILTER_COMPUTED,
                            arena_format(parser->arena, "%zu", position_of(parser, token->start)));
    }
    return NULL;
}

/* True if values of the field have an order that `gt`, `ge`, `lt` and `le` compare by. */
static bool is_ordered(const struct field *field)
{
    return field->type == FIELD_INTEGER || field->type == FIELD_DECIMAL ||
           field->type == FIELD_TIME || is_date_string(field);
}

/* True if the values of the field are texts. Those with the format "date-time" are computed from
 * numbers, so a list cannot search in them. */
static bool is_text_field(const struct field *field)
{
    return field->type == FIELD_STRINGS ||
           (field->type == FIELD_STRING && !has_format(field, "date-time"));
}

static bool accepts_operator(const struct field *field, enum filter_operator operator)
{
    switch (operator) {
    case FILTER_PRESENT:
    case FILTER_EQUAL:
    case FILTER_NOT_EQUAL:
        return true;
    case FILTER_CONTAINS:
    case FILTER_STARTS_WITH:
    case FILTER_ENDS_WITH:
        return is_text_field(field);
    case FILTER_GREATER:
    case FILTER_GREATER_EQUAL:
    case FILTER_LESS:
    case FILTER_LESS_EQUAL:
        return is_ordered(field);
    }
    return false;
}

static struct error *read_operator(const struct parser *parser, struct filter *term)
{
    for (size_t i = 0; i < OPERATOR_COUNT; i++) {
        if (is_word(&parser->token, operator_names[i])) {
            term->operator=(enum filter_operator) i;
            return accepts_operator(term->field, term->operator)
                       ? NULL
                       : fault_at(parser, parser->token.start, FAULT_FILTER_OPERATOR,
                                  arena_format(parser->arena, "%s" FAULT_ARGUMENT_END "%s",
                                               operator_names[i], term->field->name));
        }
    }
    return fault_here(parser, FAULT_FILTER_NO_OPERATOR);
}

/* Replaces a comparison with null by `pr` or its negation. */
static struct error *compare_with_null(const struct parser *parser, const struct filter *term,
                                       const struct filter **node_r)
{
    const struct filter *present = new_term(parser, term, FILTER_PRESENT);
    *node_r = term->operator== FILTER_EQUAL ? new_node(parser, FILTER_NOT, present, NULL) : present;
    return term->operator == FILTER_EQUAL || term->operator == FILTER_NOT_EQUAL
               ? NULL
               : fault_at(parser, parser->token.start, FAULT_FILTER_NULL,
                          operator_names[term->operator]);
}

static struct error *parse_term(struct parser *parser, const struct filter **node_r)
{
    struct filter *term = arena_alloc(parser->arena, sizeof *term);
    *term =
        (struct filter){.kind = FILTER_TERM, .position = position_of(parser, parser->token.start)};
    *node_r = term;
    if (parser->token.kind != TOKEN_WORD) {
        return fault_here(parser, FAULT_FILTER_NO_FIELD);
    }
    if (++parser->terms > FILTER_TERMS_MAX) {
        return limit_fault(parser, FAULT_FILTER_TERMS, FILTER_TERMS_MAX);
    }
    struct error *error = find_field(parser, &term->field);
    if (error || (error = next_token(parser)) || (error = read_operator(parser, term)) ||
        (error = next_token(parser)) || term->operator== FILTER_PRESENT) {
        return error;
    }
    error = is_word(&parser->token, "null") ? compare_with_null(parser, term, node_r)
                                            : read_term_value(parser, term, node_r);
    return error ? error : next_token(parser);
}

/* --- operators between terms ------------------------------------------------------------------ */

static struct error *parse_or(struct parser *parser, const struct filter **node_r);

static struct error *parse_parentheses(struct parser *parser, const struct filter **node_r)
{
    const char *open = parser->token.start;
    if (++parser->depth > FILTER_DEPTH_MAX) {
        return limit_fault(parser, FAULT_FILTER_DEPTH, FILTER_DEPTH_MAX);
    }
    struct error *error = next_token(parser);
    if (error || (error = parse_or(parser, node_r))) {
        return error;
    }
    if (parser->token.kind == TOKEN_END) {
        return fault_at(parser, open, FAULT_FILTER_OPEN, "");
    }
    if (parser->token.kind != TOKEN_CLOSE) {
        return fault_here(parser, FAULT_FILTER_NO_LOGIC);
    }
    parser->depth--;
    return next_token(parser);
}

static struct error *parse_operand(struct parser *parser, const struct filter **node_r)
{
    if (parser->token.kind == TOKEN_OPEN) {
        return parse_parentheses(parser, node_r);
    }
    if (!is_word(&parser->token, "not")) {
        return parse_term(parser, node_r);
    }
    struct error *error = next_token(parser);
    if (!error && parser->token.kind != TOKEN_OPEN) {
        error = fault_here(parser, FAULT_FILTER_NOT);
    }
    if (!error) {
        error = parse_parentheses(parser, node_r);
    }
    if (!error) {
        *node_r = new_node(parser, FILTER_NOT, *node_r, NULL);
    }
    return error;
}

static struct error *parse_and(struct parser *parser, const struct filter **node_r)
{
    const struct filter *right = NULL;
    struct error *error = parse_operand(parser, node_r);
    while (!error && is_word(&parser->token, "and")) {
        error = next_token(parser);
        if (!error) {
            error = parse_operand(parser, &right);
        }
        if (!error) {
            *node_r = new_node(parser, FILTER_AND, *node_r, right);
        }
    }
    return error;
}

static struct error *parse_or(struct parser *parser, const struct filter **node_r)
{
    const struct filter *right = NULL;
    struct error *error = parse_and(parser, node_r);
    while (!error && is_word(&parser->token, "or")) {
        error = next_token(parser);
        if (!error) {
            error = parse_and(parser, &right);
        }
        if (!error) {
            *node_r = new_node(parser, FILTER_OR, *node_r, right);
        }
    }
    return error;
}

struct error *filter_parse(struct arena *arena, const char *text, const struct field *fields,
                           const struct filter **filter_r)
{
    struct parser parser = {.arena = arena, .fields = fields, .text = text, .token.start = text};
    size_t length = strlen(text);
    *filter_r = NULL;
    if (!utf8_valid(text, length)) {
        return error_field(arena, "filter", FAULT_INVALID_UTF8, NULL);
    }
    if (utf8_utf16_units(text, length) > FILTER_LENGTH_MAX) {
        return error_field(arena, "filter", FAULT_TOO_LONG,
                           arena_format(arena, "%d", FILTER_LENGTH_MAX));
    }
    struct error *error = next_token(&parser);
    if (!error) {
        error = parse_or(&parser, filter_r);
    }
    return !error && parser.token.kind != TOKEN_END ? fault_here(&parser, FAULT_FILTER_NO_LOGIC)
                                                    : error;
}
