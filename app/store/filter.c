/* See filter.h. */
#include "store/filter.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/fold.h"
#include "base/folded.h"
#include "base/utf8.h"
#include "store/engine.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char always[] = "1 = 1", never[] = "1 = 0";

/* Operators of SQL for the comparisons of numbers and times. */
static const char *const comparisons[] = {
    [FILTER_EQUAL] = "=",   [FILTER_NOT_EQUAL] = "=", /* negated: see compile_term() */
    [FILTER_GREATER] = ">", [FILTER_GREATER_EQUAL] = ">=",
    [FILTER_LESS] = "<",    [FILTER_LESS_EQUAL] = "<=",
};

const char *store_folded_column(const struct store *store, struct arena *arena, const char *column)
{
    size_t table = strcspn(column, ".");
    return arena_format(arena,
                        store->id == ENGINE_SQLITE ? "(%.*s.folded ->> '%s')"
                                                   : "(%.*s.folded::json ->> '%s')",
                        (int)table, column, column + table + 1);
}

/* --- texts ------------------------------------------------------------------------------------ */

static const char *compile_contains(const struct store_filter *compiler, const char *column,
                                    const char *text)
{
    const char *function = compiler->store->id == ENGINE_SQLITE ? "instr" : "strpos";
    return arena_format(compiler->arena, "%s(%s, $%zu) > 0", function, column,
                        compiler->add_text(compiler->parameters, text));
}

static const char *compile_start(const struct store_filter *compiler, const char *column,
                                 const char *text)
{
    size_t number = compiler->add_text(compiler->parameters, text);
    return arena_format(compiler->arena, "substr(%s, 1, length(CAST($%zu AS TEXT))) = $%zu", column,
                        number, number);
}

static const char *compile_end(const struct store_filter *compiler, const char *column,
                               const char *text)
{
    size_t number = compiler->add_text(compiler->parameters, text);
    return arena_format(compiler->arena,
                        compiler->store->id == ENGINE_SQLITE
                            ? "substr(%s, -length(CAST($%zu AS TEXT))) = $%zu"
                            : "right(%s, length(CAST($%zu AS TEXT))) = $%zu",
                        column, number, number);
}

static const char *compile_equal_text(const struct store_filter *compiler,
                                      const struct store_filter_column *column, const char *value,
                                      const char *folded)
{
    return column->key ? arena_format(compiler->arena, "%s = $%zu", column->key,
                                      compiler->add_text(compiler->parameters,
                                                         fold_address(compiler->arena, value)))
                       : arena_format(compiler->arena, "%s = $%zu", column->folded,
                                      compiler->add_text(compiler->parameters, folded));
}

static const char *compile_text(const struct store_filter *compiler, const struct filter *term,
                                const struct store_filter_column *column)
{
    const char *value = term->value.string.bytes, *folded = fold_text(compiler->arena, value);
    switch (term->operator) {
    case FILTER_CONTAINS:
        return *folded ? compile_contains(compiler, column->folded, folded) : always;
    case FILTER_STARTS_WITH:
        return *folded ? compile_start(compiler, column->folded, folded) : always;
    case FILTER_ENDS_WITH:
        return *folded ? compile_end(compiler, column->folded, folded) : always;
    default:
        return compile_equal_text(compiler, column, value, folded);
    }
}

/* Compares a field with several texts, whose folded form has each text between newlines. */
static const char *compile_texts(const struct store_filter *compiler, const struct filter *term,
                                 const struct store_filter_column *column)
{
    const char *folded = fold_text(compiler->arena, term->value.string.bytes);
    bool from_start = term->operator!= FILTER_CONTAINS && term->operator!= FILTER_ENDS_WITH;
    bool to_end = term->operator!= FILTER_CONTAINS && term->operator!= FILTER_STARTS_WITH;
    const char *line =
        arena_format(compiler->arena, "%s%s%s", from_start ? "\n" : "", folded, to_end ? "\n" : "");
    return compile_contains(compiler, column->folded, *line ? line : "\n");
}

/* True if the operator holds for the folded forms of a choice and of the value. */
static bool choice_matches(enum filter_operator operator, const char * choice, const char *value)
{
    size_t length = strlen(choice), part = strlen(value);
    switch (operator) {
    case FILTER_CONTAINS:
        return strstr(choice, value) != NULL;
    case FILTER_STARTS_WITH:
        return !strncmp(choice, value, part);
    case FILTER_ENDS_WITH:
        return part <= length && !strcmp(choice + length - part, value);
    default:
        return !strcmp(choice, value);
    }
}

/* Compares a field with fixed choices: tests if the value is one of the choices that match. */
static const char *compile_choice(const struct store_filter *compiler, const struct filter *term,
                                  const struct store_filter_column *column)
{
    struct buffer text = {.arena = compiler->arena};
    const char *value = fold_text(compiler->arena, term->value.string.bytes);
    size_t count = 0;
    for (const char *const *choice = term->field->choices; *choice; choice++) {
        if (choice_matches(term->operator, fold_text(compiler->arena, *choice), value)) {
            buffer_format(&text, "%s$%zu", count++ ? ", " : "",
                          compiler->add_text(compiler->parameters, *choice));
        }
    }
    return !count       ? never
           : count == 1 ? arena_format(compiler->arena, "%s = %s", column->value, text.bytes)
                        : arena_format(compiler->arena, "%s IN (%s)", column->value, text.bytes);
}

/* --- other values ----------------------------------------------------------------------------- */

static bool compares_part_of_text(enum filter_operator operator)
{
    return operator== FILTER_CONTAINS || operator== FILTER_STARTS_WITH || operator==
        FILTER_ENDS_WITH;
}

/* True if the comparison with a key is false for absent values. Their key is greater than all
 * others. */
static bool excludes_absent(enum filter_operator operator)
{
    return operator!= FILTER_GREATER && operator!= FILTER_GREATER_EQUAL;
}

/* Compares a field that is a date or a time. The key is the moment at which it has passed. `eq` and
 * `ne` compare the text, which decides, and the key, which has an index; the other operators
 * compare the key. */
static const char *compile_moment(const struct store_filter *compiler, const struct filter *term,
                                  const struct store_filter_column *column)
{
    char time[CLOCK_TEXT_SIZE];
    const char *value = term->value.string.bytes;
    struct clock_span span = {0};
    bool is_date = clock_parse_date(value, &span);
    if (!is_date && !clock_parse_time(value, &span)) {
        abort(); /* filter_parse() has checked it */
    }
    if (term->operator== FILTER_EQUAL || term->operator== FILTER_NOT_EQUAL) {
        value = is_date ? value : arena_string(compiler->arena, clock_format(span.from_ms, time));
        return arena_format(compiler->arena, "(%s = $%zu AND %s = $%zu)", column->key,
                            compiler->add_integer(compiler->parameters, span.until_ms),
                            column->value, compiler->add_text(compiler->parameters, value));
    }
    const char *condition =
        arena_format(compiler->arena, "%s %s $%zu", column->key, comparisons[term->operator],
                     compiler->add_integer(compiler->parameters, span.until_ms));
    return excludes_absent(term->operator)
               ? condition
               : arena_format(compiler->arena, "(%s AND %s < %" PRId64 ")", condition, column->key,
                              INT64_MAX);
}

/* Compares a time in whole seconds. A date in the filter is a day. */
static const char *compile_seconds(const struct store_filter *compiler, const struct filter *term,
                                   const struct store_filter_column *column)
{
    const char *value = term->value.string.bytes;
    struct clock_span span = {0};
    bool is_date = clock_parse_date(value, &span);
    if (!is_date && !clock_parse_time(value, &span)) {
        abort(); /* filter_parse() has checked it */
    }
    bool is_exact = is_date || span.from_ms % MS_PER_S == 0;
    bool until_end = term->operator== FILTER_GREATER || term->operator== FILTER_LESS_EQUAL;
    int64_t from = span.from_ms / MS_PER_S, last = is_date ? span.until_ms / MS_PER_S - 1 : from;
    if (term->operator== FILTER_EQUAL || term->operator== FILTER_NOT_EQUAL) {
        return is_exact ? arena_format(compiler->arena, "%s BETWEEN $%zu AND $%zu", column->time,
                                       compiler->add_integer(compiler->parameters, from),
                                       compiler->add_integer(compiler->parameters, last))
                        : never;
    }
    /* The value is between two seconds: `ge` is the same as `gt`, and `lt` as `le`. */
    enum filter_operator operator= is_exact ? term->operator: term->operator== FILTER_GREATER_EQUAL
                                                  ? FILTER_GREATER
                                              : term->operator== FILTER_LESS ? FILTER_LESS_EQUAL
                                                                             : term->operator;
    return arena_format(compiler->arena, "%s %s $%zu", column->time, comparisons[operator],
                        compiler->add_integer(compiler->parameters, until_end ? last : from));
}

/* Compares a date as a text: texts of dates sort like the dates. */
static const char *compile_date(const struct store_filter *compiler, const struct filter *term,
                                const struct store_filter_column *column)
{
    const char *condition =
        arena_format(compiler->arena, "%s %s $%zu", column->key, comparisons[term->operator],
                     compiler->add_text(compiler->parameters, term->value.string.bytes));
    return excludes_absent(term->operator)
               ? condition
               : arena_format(compiler->arena, "(%s AND %s < '~')", condition, column->key);
}

static bool is_formatted_as(const struct field *field, const char *format)
{
    return field->format && !strcmp(field->format, format);
}

static const char *compile_string(const struct store_filter *compiler, const struct filter *term,
                                  const struct store_filter_column *column)
{
    if (term->field->choices) {
        return compile_choice(compiler, term, column);
    }
    if (folded_has_field(term->field)) {
        return compile_text(compiler, term, column);
    }
    if (compares_part_of_text(term->operator)) { /* lower() suffices: dates and times are ASCII */
        const struct store_filter_column lower = {
            .folded = arena_format(compiler->arena, "lower(%s)", column->value)};
        return compile_text(compiler, term, &lower);
    }
    return (is_formatted_as(term->field, "date")     ? compile_date
            : is_formatted_as(term->field, "moment") ? compile_moment
                                                     : compile_seconds)(compiler, term, column);
}

static const char *compile_number(const struct store_filter *compiler, const struct filter *term,
                                  const struct store_filter_column *column)
{
    bool is_boolean = term->field->type == FIELD_BOOLEAN;
    int64_t number = is_boolean ? term->value.boolean : term->value.integer;
    return arena_format(compiler->arena, "%s %s $%zu", column->value, comparisons[term->operator],
                        compiler->add_integer(compiler->parameters, number));
}

/* --- terms ------------------------------------------------------------------------------------ */

static const char *compile_present(const struct store_filter *compiler, const struct filter *term,
                                   const struct store_filter_column *column)
{
    return term->field->type == FIELD_STRINGS
               ? arena_format(compiler->arena, "length(%s) > 0", column->folded)
               : arena_format(compiler->arena, "%s IS NOT NULL", column->value);
}

/* Returns the condition of a term; that of `ne` is the one of `eq`. It may be null if the column is
 * null. */
static const char *compile_comparison(const struct store_filter *compiler,
                                      const struct filter *term,
                                      const struct store_filter_column *column)
{
    switch (term->field->type) {
    case FIELD_STRING:
        return compile_string(compiler, term, column);
    case FIELD_STRINGS:
        return compile_texts(compiler, term, column);
    case FIELD_INTEGER:
    case FIELD_DECIMAL:
    case FIELD_TIME:
    case FIELD_BOOLEAN:
        return compile_number(compiler, term, column);
    default: /* filter_parse() accepts no others */
        abort();
    }
}

static const char *compile_term(const struct store_filter *compiler, const struct filter *term,
                                bool negated)
{
    struct arena *arena = compiler->arena;
    struct store_filter_column column = {0};
    compiler->find(compiler->columns, arena, term->field, &column);
    if (column.folded) {
        column.folded = store_folded_column(compiler->store, arena, column.folded);
    }
    if (term->operator== FILTER_PRESENT) {
        const char *present = compile_present(compiler, term, &column);
        return negated ? arena_format(arena, "NOT (%s)", present) : present;
    }
    const char *condition = compile_comparison(compiler, term, &column);
    const char *value = term->field->type == FIELD_STRINGS ? column.folded : column.value;
    if (negated != (term->operator== FILTER_NOT_EQUAL)) {
        return arena_format(arena, "(%s IS NULL OR NOT (%s))", value, condition);
    }
    /* `always` does not contain the column, so it would be true for null, too. */
    return condition == always ? arena_format(arena, "%s IS NOT NULL", value) : condition;
}

/* Returns the condition of a node, or of its negation. */
static const char *compile_node(const struct store_filter *compiler, const struct filter *node,
                                bool negated)
{
    if (node->kind == FILTER_TERM) {
        return compile_term(compiler, node, negated);
    }
    if (node->kind == FILTER_NOT) {
        return compile_node(compiler, node->left, !negated);
    }
    const char *left = compile_node(compiler, node->left, negated);
    const char *right = compile_node(compiler, node->right, negated);
    bool both = (node->kind == FILTER_AND) != negated;
    return arena_format(compiler->arena, "(%s %s %s)", left, both ? "AND" : "OR", right);
}

/* --- indexes ---------------------------------------------------------------------------------- */

/* An operand of a chain of `and`, or of `or`. */
struct part {
    struct part *next;
    const struct filter *node;
    bool negated;
};

/* True if all operands of the node, or of its negation, must be true. */
static bool needs_all_parts(const struct filter *node, bool negated)
{
    return node->kind == (negated ? FILTER_OR : FILTER_AND);
}

/* Adds the operands of a chain before `next`. A node that is no chain is added itself. */
static struct part *split_chain(struct arena *arena, const struct filter *node, bool negated,
                                bool all, struct part *next)
{
    if (node->kind == FILTER_NOT) {
        return split_chain(arena, node->left, !negated, all, next);
    }
    if (node->kind != FILTER_TERM && needs_all_parts(node, negated) == all) {
        return split_chain(arena, node->left, negated, all,
                           split_chain(arena, node->right, negated, all, next));
    }
    struct part *part = arena_alloc(arena, sizeof *part);
    *part = (struct part){.next = next, .node = node, .negated = negated};
    return part;
}

/* Returns the operator of a term or of its negation; FILTER_NOT_EQUAL if no index
 * finds its rows. */
static enum filter_operator find_operator(const struct part *part)
{
    enum filter_operator operator= part->node->operator;
    bool is_equality = operator== FILTER_EQUAL || operator== FILTER_NOT_EQUAL;
    return is_equality
               ? (operator== FILTER_EQUAL) != part->negated ? FILTER_EQUAL : FILTER_NOT_EQUAL
           : part->negated ? FILTER_NOT_EQUAL
                           :
                           operator;
}

/* True if both are lower or upper limits of one field. */
static bool limit_one_field(const struct part *one, const struct part *other)
{
    return one->node->kind == FILTER_TERM && other->node->kind == FILTER_TERM &&
           one->node->field == other->node->field && find_operator(one) >= FILTER_GREATER &&
           find_operator(other) >= FILTER_GREATER;
}

static bool is_lower_limit(const struct part *part)
{
    enum filter_operator operator= find_operator(part);
    return operator== FILTER_GREATER || operator== FILTER_GREATER_EQUAL;
}

static enum store_filter_index find_part_index(const struct store_filter *compiler,
                                               const struct part *part, const struct part *parts);

/* Returns the operand of an `and` whose index is preferred, and the index. */
static const struct part *choose_part(const struct store_filter *compiler, const struct part *parts,
                                      enum store_filter_index *index_r)
{
    const struct part *best = parts;
    *index_r = STORE_INDEX_NONE;
    for (const struct part *part = parts; part; part = part->next) {
        enum store_filter_index index = find_part_index(compiler, part, parts);
        if (index > *index_r) {
            *index_r = index;
            best = part;
        }
    }
    return best;
}

static enum store_filter_index find_term_index(const struct store_filter *compiler,
                                               const struct part *part, const struct part *parts)
{
    enum store_filter_index index =
        compiler->find_index(compiler->columns, part->node->field, find_operator(part));
    for (; index == STORE_INDEX_RANGE && parts; parts = parts->next) {
        if (limit_one_field(part, parts) && is_lower_limit(part) != is_lower_limit(parts)) {
            index = STORE_INDEX_WINDOW;
        }
    }
    return index;
}

/* Returns the index of an operand. `parts` are the operands of the `and` around it. */
static enum store_filter_index find_part_index(const struct store_filter *compiler,
                                               const struct part *part, const struct part *parts)
{
    if (part->node->kind == FILTER_TERM) {
        return find_term_index(compiler, part, parts);
    }
    enum store_filter_index least = STORE_INDEX_NARROW;
    struct part *choices = split_chain(compiler->arena, part->node, part->negated, false, NULL);
    for (const struct part *choice = choices; choice; choice = choice->next) {
        enum store_filter_index index;
        choose_part(compiler,
                    split_chain(compiler->arena, choice->node, choice->negated, true, NULL),
                    &index);
        least = index < least ? index : least;
    }
    return least;
}

enum store_filter_index store_filter_find_index(const struct store_filter *compiler,
                                                const struct filter *filter)
{
    enum store_filter_index index;
    choose_part(compiler, split_chain(compiler->arena, filter, false, true, NULL), &index);
    return index;
}

static const char *compile_by_index(const struct store_filter *compiler, struct part *parts,
                                    bool scoped, bool *splits_r);

/* Returns a condition that SQLite takes for true in few rows. */
static const char *prefer_condition(struct arena *arena, const char *condition)
{
    return arena_format(arena, "likelihood(%s, 0.0001)", condition);
}

/* Compiles the operand of an `and` whose index is used. */
static const char *compile_chosen(const struct store_filter *compiler, const struct part *part,
                                  bool scoped, bool *splits_r)
{
    struct arena *arena = compiler->arena;
    struct buffer text = {.arena = arena};
    *splits_r = part->node->kind != FILTER_TERM;
    if (!*splits_r) {
        const char *term =
            prefer_condition(arena, compile_node(compiler, part->node, part->negated));
        return scoped ? arena_format(arena, "%s AND %s", compiler->scope, term) : term;
    }
    struct part *choices = split_chain(arena, part->node, part->negated, false, NULL);
    for (const struct part *choice = choices; choice; choice = choice->next) {
        bool splits;
        buffer_format(&text, "%s(%s)", text.length ? " OR " : "(",
                      compile_by_index(
                          compiler, split_chain(arena, choice->node, choice->negated, true, NULL),
                          true, &splits));
    }
    buffer_add_char(&text, ')');
    return text.bytes;
}

/* Compiles an `and`. Only the chosen operand, and the other limits of its field, are visible to the
 * engine. */
static const char *compile_by_index(const struct store_filter *compiler, struct part *parts,
                                    bool scoped, bool *splits_r)
{
    enum store_filter_index index;
    const struct part *chosen = choose_part(compiler, parts, &index);
    struct buffer text = {.arena = compiler->arena};
    buffer_add_string(&text, compile_chosen(compiler, chosen, scoped, splits_r));
    for (const struct part *part = parts; part; part = part->next) {
        if (part != chosen) {
            const char *condition = compile_node(compiler, part->node, part->negated);
            buffer_format(&text, " AND %s",
                          limit_one_field(chosen, part)
                              ? prefer_condition(compiler->arena, condition)
                              : store_filter_hide(compiler->store, compiler->arena, condition));
        }
    }
    return text.bytes;
}

const char *store_filter_hide(const struct store *store, struct arena *arena, const char *condition)
{
    return arena_format(arena, store->id == ENGINE_SQLITE ? "+(%s)" : "((%s) IS TRUE)", condition);
}

const char *store_filter_compile(const struct store_filter *compiler, const struct filter *filter,
                                 bool *hides_scope_r)
{
    *hides_scope_r = false;
    if (!compiler->scope || compiler->store->id != ENGINE_SQLITE ||
        store_filter_find_index(compiler, filter) == STORE_INDEX_NONE) {
        return compile_node(compiler, filter, false);
    }
    struct part *parts = split_chain(compiler->arena, filter, false, true, NULL);
    return arena_format(compiler->arena, "(%s)",
                        compile_by_index(compiler, parts, false, hides_scope_r));
}

/* --- orders ----------------------------------------------------------------------------------- */

const char *store_order_by_integer(struct arena *arena, const char *column)
{
    return arena_format(arena, "coalesce(%s, %" PRId64 ")", column, INT64_MAX);
}

const char *store_order_by_text(const struct store *store, struct arena *arena, const char *column)
{
    return arena_format(arena, "coalesce('0' || substr(%s, 1, %d), '1') COLLATE %s", column,
                        STORE_ORDER_TEXT, store->id == ENGINE_SQLITE ? "kontora" : "\"und-x-icu\"");
}

const char *store_order_text(struct arena *arena, const char *text)
{
    if (!text) {
        return "1";
    }
    size_t length = strlen(text), at = 0;
    for (size_t i = 0; i < STORE_ORDER_TEXT && at < length; i++) {
        utf8_next(text, length, &at);
    }
    return arena_format(arena, "0%.*s", (int)at, text);
}

const char *store_order_without_index(const struct store *store, struct arena *arena,
                                      const char *column, bool is_integer)
{
    return store->id == ENGINE_SQLITE
               ? arena_format(arena, "+%s", column)
               : arena_format(arena, is_integer ? "(%s + 0)" : "(%s || '')", column);
}
