/* Evaluates filters row by row, as the contract describes them. The reference for the compiled
 * conditions. */
#ifndef TESTS_NAIVE_FILTER_H
#define TESTS_NAIVE_FILTER_H

#include "unit.h"

#include "base/clock.h"
#include "base/fold.h"
#include "query/filter.h"

static inline bool naive_compares(enum filter_operator operator, int order)
{
    switch (operator) {
    case FILTER_EQUAL:
        return order == 0;
    case FILTER_GREATER:
        return order > 0;
    case FILTER_GREATER_EQUAL:
        return order >= 0;
    case FILTER_LESS:
        return order < 0;
    case FILTER_LESS_EQUAL:
        return order <= 0;
    default:
        FAIL("not a comparison");
    }
}

static inline bool naive_matches_text(enum filter_operator operator, const char * text,
                                      const char *part)
{
    size_t length = strlen(text), tail = strlen(part);
    switch (operator) {
    case FILTER_EQUAL:
        return !strcmp(text, part);
    case FILTER_CONTAINS:
        return strstr(text, part);
    case FILTER_STARTS_WITH:
        return !strncmp(text, part, tail);
    case FILTER_ENDS_WITH:
        return tail <= length && !strcmp(text + length - tail, part);
    default:
        FAIL("not an operator of texts");
    }
}

/* Returns the time at which a date or a time has passed. */
static inline int64_t naive_moment(const char *text)
{
    struct clock_span span;
    assert_true(clock_parse_date(text, &span) || clock_parse_time(text, &span));
    return span.until_ms;
}

static inline int naive_order(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static inline bool naive_string(struct arena *arena, const struct filter *term, const char *text)
{
    const char *value = term->value.string.bytes, *format = term->field->format;
    bool ordered = term->operator>= FILTER_GREATER;
    if (ordered && format && !strcmp(format, "moment")) {
        return naive_compares(term->operator, naive_order(naive_moment(text), naive_moment(value)));
    }
    return ordered ? naive_compares(term->operator, strcmp(text, value))
                   : naive_matches_text(term->operator, fold_text(arena, text),
                                        fold_text(arena, value));
}

/* Evaluates a filter on a row, whose values are parallel to the field map. */
static inline bool naive_filter(struct arena *arena, const struct filter *filter,
                                const struct field *fields, const struct value *row)
{
    if (filter->kind == FILTER_NOT) {
        return !naive_filter(arena, filter->left, fields, row);
    }
    if (filter->kind != FILTER_TERM) {
        bool left = naive_filter(arena, filter->left, fields, row);
        bool right = naive_filter(arena, filter->right, fields, row);
        return filter->kind == FILTER_AND ? left && right : left || right;
    }
    const struct value *value = &row[filter->field - fields];
    struct filter term = *filter;
    if (term.operator== FILTER_NOT_EQUAL) {
        term.operator= FILTER_EQUAL;
        return !naive_filter(arena, &term, fields, row);
    }
    if (value->state != VALUE_SET || term.operator== FILTER_PRESENT) {
        return value->state == VALUE_SET;
    }
    switch (term.field->type) {
    case FIELD_STRING:
        return naive_string(arena, &term, value->string.bytes);
    case FIELD_BOOLEAN:
        return value->boolean == term.value.boolean;
    default:
        return naive_compares(term.operator, naive_order(value->integer, term.value.integer));
    }
}

#endif
