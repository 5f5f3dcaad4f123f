/* See evaluate.h. */
#include "query/evaluate.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/fold.h"
#include "base/jsonw.h"

#include <stdlib.h>
#include <string.h>

struct evaluation {
    struct arena *arena;
    const struct field *fields;
    const struct value *values;
    evaluate_equal_dns *equal_dns;
};

/* --- comparisons ------------------------------------------------------------------------------ */

/* True if the operator holds for a value that is less than (-1), equal to (0) or greater than (1)
 * the literal. */
static bool holds_for_order(enum filter_operator operator, int order)
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
    default: /* filter_parse() accepts no others for values with an order */
        abort();
    }
}

static int compare_integers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* True if the operator holds for two folded texts. */
static bool holds_for_text(enum filter_operator operator, const char * text, const char *part)
{
    size_t length = strlen(text), part_length = strlen(part);
    switch (operator) {
    case FILTER_EQUAL:
        return !strcmp(text, part);
    case FILTER_CONTAINS:
        return strstr(text, part);
    case FILTER_STARTS_WITH:
        return !strncmp(text, part, part_length);
    case FILTER_ENDS_WITH:
        return part_length <= length && !strcmp(text + length - part_length, part);
    default:
        abort();
    }
}

/* Returns the interval of a date or a time, which filter_parse() or the list has checked. */
static struct clock_span parse_span(const char *text)
{
    struct clock_span span = {0};
    if (!clock_parse_date(text, &span) && !clock_parse_time(text, &span)) {
        abort();
    }
    return span;
}

/* Compares a value of the format "moment", a date or a time, by the moment at which it has passed.
 * A date never equals a time. */
static bool holds_for_moment(enum filter_operator operator, const char * text, const char *literal)
{
    struct clock_span value = parse_span(text), wanted = parse_span(literal);
    return operator== FILTER_EQUAL
               ? value.from_ms == wanted.from_ms && value.until_ms == wanted.until_ms
               : holds_for_order(operator, compare_integers(value.until_ms, wanted.until_ms));
}

/* Compares a time with a time, or with a day. */
static bool holds_for_time(enum filter_operator operator, const char * text, const char *literal)
{
    struct clock_span value = parse_span(text), wanted = parse_span(literal);
    bool is_before = value.from_ms < wanted.from_ms, is_after = value.from_ms >= wanted.until_ms;
    return holds_for_order(operator, is_before ? -1 : is_after);
}

static bool is_written_as(const struct field *field, const char *format)
{
    return field->format && !strcmp(field->format, format);
}

static bool holds_for_string(const struct evaluation *evaluation, const struct filter *term,
                             const char *text)
{
    const char *literal = term->value.string.bytes;
    bool is_part =
        term->operator== FILTER_CONTAINS || term->operator== FILTER_STARTS_WITH || term->operator==
        FILTER_ENDS_WITH;
    bool is_dn = term->field->codec == CODEC_DN || term->field->codec == CODEC_REFERENCE;
    if (!is_part && is_dn && evaluation->equal_dns) {
        return evaluation->equal_dns(text, literal);
    }
    if (!is_part && is_written_as(term->field, "date")) {
        return holds_for_order(term->operator, strcmp(text, literal));
    }
    if (!is_part && is_written_as(term->field, "moment")) {
        return holds_for_moment(term->operator, text, literal);
    }
    if (!is_part && is_written_as(term->field, "date-time")) {
        return holds_for_time(term->operator, text, literal);
    }
    return holds_for_text(term->operator, fold_text(evaluation->arena, text),
                          fold_text(evaluation->arena, literal));
}

static bool holds_for_any(const struct evaluation *evaluation, const struct filter *term,
                          const struct field_strings *strings)
{
    for (size_t i = 0; i < strings->count; i++) {
        if (holds_for_string(evaluation, term, strings->items[i])) {
            return true;
        }
    }
    return false;
}

/* --- terms ------------------------------------------------------------------------------------ */

static bool is_value_present(const struct field *field, const struct value *value)
{
    if (value->state != VALUE_SET) {
        return false;
    }
    return field->type == FIELD_STRINGS ? value->strings.count
           : field->type == FIELD_LISTS ? value->lists.count
                                        : true;
}

/* True if a comparison is true of a value that is present. The operator is not `ne`. */
static bool holds_for_value(const struct evaluation *evaluation, const struct filter *term,
                            const struct value *value)
{
    switch (term->field->type) {
    case FIELD_STRING:
        return holds_for_string(evaluation, term, value->string.bytes);
    case FIELD_STRINGS:
        return holds_for_any(evaluation, term, &value->strings);
    case FIELD_RECORD: /* a reference */
        return holds_for_string(evaluation, term,
                                fields_string(term->field->fields, value->record, "dn"));
    case FIELD_BOOLEAN:
        return value->boolean == term->value.boolean;
    case FIELD_INTEGER:
    case FIELD_DECIMAL:
    case FIELD_TIME:
        return holds_for_order(term->operator,
                               compare_integers(value->integer, term->value.integer));
    case FIELD_LISTS:
    case FIELD_RECORDS:
        break;
    }
    abort(); /* filter_parse() accepts no others */
}

static bool evaluate_term(const struct evaluation *evaluation, const struct filter *node)
{
    const struct value *value = &evaluation->values[node->field - evaluation->fields];
    struct filter term = *node;
    bool is_negated = term.operator== FILTER_NOT_EQUAL;
    if (is_negated) {
        term.operator= FILTER_EQUAL;
    }
    bool present = is_value_present(term.field, value);
    return term.operator== FILTER_PRESENT
               ? present
               : (present && holds_for_value(evaluation, &term, value)) != is_negated;
}

static bool evaluate_node(const struct evaluation *evaluation, const struct filter *node)
{
    switch (node->kind) {
    case FILTER_NOT:
        return !evaluate_node(evaluation, node->left);
    case FILTER_AND:
        return evaluate_node(evaluation, node->left) && evaluate_node(evaluation, node->right);
    case FILTER_OR:
        return evaluate_node(evaluation, node->left) || evaluate_node(evaluation, node->right);
    case FILTER_TERM:
        break;
    }
    return evaluate_term(evaluation, node);
}

bool evaluate_filter(struct arena *arena, const struct filter *filter, const struct field *fields,
                     const struct value *values, evaluate_equal_dns *equal_dns)
{
    const struct evaluation evaluation = {arena, fields, values, equal_dns};
    return evaluate_node(&evaluation, filter);
}

/* --- text ------------------------------------------------------------------------------------- */

static void format_value(struct buffer *out, const struct filter *term)
{
    struct jsonw json = {.out = out};
    switch (term->field->type) {
    case FIELD_INTEGER:
        jsonw_integer(&json, NULL, term->value.integer);
        break;
    case FIELD_DECIMAL:
        jsonw_decimal(&json, NULL, term->value.integer, term->field->scale);
        break;
    case FIELD_BOOLEAN:
        jsonw_boolean(&json, NULL, term->value.boolean);
        break;
    case FIELD_TIME:
        jsonw_time(&json, NULL, term->value.integer);
        break;
    default:
        jsonw_string(&json, NULL, term->value.string.bytes);
    }
}

static void format_node(struct buffer *out, const struct filter *node)
{
    if (node->kind == FILTER_TERM) {
        buffer_format(out, "%s %s", node->field->name, filter_operator_name(node->operator));
        if (node->operator!= FILTER_PRESENT) {
            buffer_add_char(out, ' ');
            format_value(out, node);
        }
    } else if (node->kind == FILTER_NOT) {
        buffer_add_string(out, "not (");
        format_node(out, node->left);
        buffer_add_char(out, ')');
    } else {
        buffer_add_char(out, '(');
        format_node(out, node->left);
        buffer_add_string(out, node->kind == FILTER_AND ? " and " : " or ");
        format_node(out, node->right);
        buffer_add_char(out, ')');
    }
}

const char *evaluate_format(struct arena *arena, const struct filter *filter)
{
    struct buffer out = {.arena = arena};
    format_node(&out, filter);
    return out.bytes;
}
