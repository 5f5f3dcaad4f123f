/* See list_page.h. */
#include "rest/list_page.h"

#include "base/arena.h"
#include "store/filter.h"

#include <stdlib.h>
#include <string.h>

enum { PARAMETERS_FIRST = 16 };

size_t list_page_add_parameter(struct list_page *page, struct cursor_value value)
{
    if (page->parameter_count == page->parameter_size) {
        size_t size = page->parameter_size ? 2 * page->parameter_size : PARAMETERS_FIRST;
        struct cursor_value *larger = arena_array(page->request->arena, size, sizeof *larger);
        if (page->parameter_count) {
            memcpy(larger, page->parameters, page->parameter_count * sizeof *larger);
        }
        page->parameters = larger;
        page->parameter_size = size;
    }
    page->parameters[page->parameter_count++] = value;
    return page->parameter_count;
}

size_t list_page_add_integer(struct list_page *page, int64_t integer)
{
    return list_page_add_parameter(
        page, (struct cursor_value){.type = CURSOR_INTEGER, .integer = integer});
}

size_t list_page_add_text(struct list_page *page, const char *text)
{
    return list_page_add_parameter(page, (struct cursor_value){.type = CURSOR_TEXT, .text = text});
}

/* --- the order -------------------------------------------------------------------------------- */

/* Returns the column at a position of the order: those of its fields, then the id. */
static const char *column_at(const struct list_page *page, size_t position)
{
    return position < page->order_count ? page->orders[position].column : page->id;
}

/* Returns the position of the column in the rows. */
static size_t index_at(const struct list_page *page, size_t position)
{
    return position < page->order_count ? page->orders[position].index : page->list->id_index;
}

enum cursor_type list_page_type_at(const struct list_page *page, size_t position)
{
    return position < page->order_count ? page->orders[position].type : CURSOR_INTEGER;
}

/* Returns the column for ORDER BY and comparisons. If rows are sorted, hides its index from the
 * engine, which might otherwise read all rows in the order of the index. */
static const char *order_column_at(const struct list_page *page, size_t position)
{
    bool has_index = position >= page->order_count || page->orders[position].has_index;
    return has_index && (page->few || page->sorts)
               ? store_order_without_index(app_of(page->request)->store, page->request->arena,
                                           column_at(page, position),
                                           list_page_type_at(page, position) == CURSOR_INTEGER)
               : column_at(page, position);
}

/* The id has the direction of the last key, so that one index has the order of both. */
static bool descends_at(const struct list_page *page, size_t position)
{
    size_t last = page->order_count - 1;
    return page->order_count && page->orders[position < last ? position : last].descending;
}

/* --- parts of statements ---------------------------------------------------------------------- */

/* Returns the statement with its scope hidden from the engine: see store/filter.h. */
static const char *hide_scope(const struct list_page *page, const char *text, const char *scope)
{
    struct arena *arena = page->request->arena;
    size_t before = strlen(text) - strlen(scope);
    if (strcmp(text + before, scope) != 0) {
        abort(); /* the statements of a list end with its scope */
    }
    return arena_format(arena, "%.*s%s", (int)before, text,
                        store_filter_hide(app_of(page->request)->store, arena, scope));
}

/* Returns a statement with the added conditions. Its filter is visible to the engine, which then
 * finds the rows by it, or hidden. */
static const char *add_conditions(const struct list_page *page, const char *text,
                                  bool filter_visible)
{
    struct arena *arena = page->request->arena;
    const char *filter = page->filter_text, *where = page->where.length ? page->where.bytes : "";
    const char *scope = page->list->scope;
    if (!filter) {
        return arena_format(arena, "%s%s", text, where);
    }
    if (scope && !filter_visible) {
        filter = store_filter_hide(app_of(page->request)->store, arena, filter);
    } else if (scope && page->hides_scope) {
        text = hide_scope(page, text, scope);
    }
    return arena_format(arena, "%s%s AND %s", text, where, filter);
}

/* True if the rows are found by ?filter=, and not by a search or by a narrow query parameter. */
static bool finds_by_filter(const struct list_page *page)
{
    return !page->searched && !page->narrow;
}

/* Returns the statement that selects the rows of the page, without an order. */
static const char *select_rows(const struct list_page *page)
{
    const struct store *store = app_of(page->request)->store;
    const struct request *request = page->request;
    bool *wanted = NULL;
    if (request->selected && !page->source->read) {
        wanted = arena_array(request->arena, store_column_count(page->rows), sizeof *wanted);
        memcpy(wanted, request->selected, fields_count(page->list->fields) * sizeof *wanted);
        for (size_t i = 0; i <= page->order_count; i++) {
            wanted[index_at(page, i)] = true;
        }
    }
    return add_conditions(page,
                          wanted ? store_text_selecting(store, request->arena, page->rows, wanted)
                                 : store_text_of(store, page->rows),
                          finds_by_filter(page) && (page->few || page->sorts));
}

const char *list_page_count(const struct list_page *page, enum sql_statement statement)
{
    return add_conditions(page, store_text_of(app_of(page->request)->store, statement),
                          finds_by_filter(page));
}

const char *list_page_count_up_to(struct list_page *page, enum sql_statement statement,
                                  int64_t limit)
{
    struct arena *arena = page->request->arena;
    const bool *none = arena_array(arena, store_column_count(statement), sizeof *none);
    const char *text = store_text_selecting(app_of(page->request)->store, arena, statement, none);
    return arena_format(arena, "SELECT count(*) FROM (%s LIMIT $%zu) AS found",
                        add_conditions(page, text, finds_by_filter(page)),
                        list_page_add_integer(page, limit));
}

/* --- pages ------------------------------------------------------------------------------------ */

/* Adds ORDER BY and LIMIT. SQLite has no statistics here, and would read all rows in their order
 * instead of finding the few rows that pass a narrow filter and sorting them. The operator +
 * prevents it from using the index of the order. */
static void add_page_order(struct list_page *page, struct buffer *text, int64_t limit)
{
    bool sorts =
        page->narrow && page->order_count && !store_compares_rows(app_of(page->request)->store);
    for (size_t i = 0; i <= page->order_count; i++) {
        buffer_format(text, "%s%s%s%s", i ? ", " : " ORDER BY ",
                      sorts && !page->few && !page->sorts ? "+" : "", order_column_at(page, i),
                      descends_at(page, i) ? " DESC" : "");
    }
    buffer_format(text, " LIMIT $%zu", list_page_add_integer(page, limit));
}

const char *list_page_select_from_start(struct list_page *page, int64_t skip, int64_t limit)
{
    struct buffer text = {.arena = page->request->arena};
    buffer_add_string(&text, select_rows(page));
    add_page_order(page, &text, limit);
    buffer_format(&text, " OFFSET $%zu", list_page_add_integer(page, skip));
    return text.bytes;
}

/* True if all keys are ascending, or all are descending. */
static bool has_one_direction(const struct list_page *page)
{
    for (size_t i = 1; i < page->order_count; i++) {
        if (descends_at(page, i) != descends_at(page, 0)) {
            return false;
        }
    }
    return true;
}

/* Returns the statement that reads rows after the cursor by one comparison of rows: (a, id) > ($1,
 * $2). The values of the cursor are the parameters from $first on. */
static const char *select_after_by_comparison(struct list_page *page, size_t first, int64_t limit)
{
    struct buffer text = {.arena = page->request->arena};
    buffer_add_string(&text, select_rows(page));
    for (size_t i = 0; i <= page->order_count; i++) {
        buffer_format(&text, "%s%s", i ? ", " : " AND (", column_at(page, i));
    }
    for (size_t i = 0; i <= page->order_count; i++) {
        buffer_format(&text, "%s$%zu",
                      i                      ? ", "
                      : descends_at(page, 0) ? ") < ("
                                             : ") > (",
                      first + i);
    }
    buffer_add_char(&text, ')');
    add_page_order(page, &text, limit);
    return text.bytes;
}

/* Returns the statement that reads rows after the cursor as a union of ranges: the rows that equal
 * the cursor in all keys and have a greater id, those that equal it in all keys but the last, and
 * so on. Each range starts at the cursor in an index, and the engine merges the ranges while it
 * reads them. */
static const char *select_after_by_union(struct list_page *page, size_t first, int64_t limit)
{
    struct buffer text = {.arena = page->request->arena};
    const char *rows = select_rows(page);
    for (size_t last = page->order_count + 1; last-- > 0;) {
        buffer_format(&text, "%s%s", text.length ? " UNION ALL " : "", rows);
        for (size_t i = 0; i < last; i++) {
            buffer_format(&text, " AND %s = $%zu", column_at(page, i), first + i);
        }
        buffer_format(&text, " AND %s %c $%zu", column_at(page, last),
                      descends_at(page, last) ? '<' : '>', first + last);
    }
    for (size_t i = 0; i <= page->order_count; i++) {
        buffer_format(&text, "%s%zu%s", i ? ", " : " ORDER BY ", index_at(page, i) + 1,
                      descends_at(page, i) ? " DESC" : "");
    }
    buffer_format(&text, " LIMIT $%zu", list_page_add_integer(page, limit));
    return text.bytes;
}

/* Returns the statement that sorts all rows and reads those after the cursor: those with a > $1, or
 * with the same a and b > $2, or with the same of both and id > $3. */
static const char *select_after_by_sorting(struct list_page *page, size_t first, int64_t limit)
{
    struct buffer text = {.arena = page->request->arena};
    buffer_format(&text, "%s AND (", select_rows(page));
    for (size_t i = 0; i <= page->order_count; i++) {
        const char *column = order_column_at(page, i);
        buffer_format(&text, "%s %c $%zu", column, descends_at(page, i) ? '<' : '>', first + i);
        if (i < page->order_count) {
            buffer_format(&text, " OR (%s = $%zu AND (", column, first + i);
        }
    }
    for (size_t i = 0; i < page->order_count; i++) {
        buffer_add_string(&text, "))");
    }
    buffer_add_char(&text, ')');
    add_page_order(page, &text, limit);
    return text.bytes;
}

const char *list_page_select_after_cursor(struct list_page *page, int64_t limit)
{
    size_t first = page->parameter_count + 1;
    bool compares_rows = store_compares_rows(app_of(page->request)->store);
    for (size_t i = 0; i <= page->order_count; i++) {
        (void)list_page_add_parameter(page, page->after[i]);
    }
    if (page->few || page->sorts) {
        return select_after_by_sorting(page, first, limit);
    }
    return !page->order_count || (compares_rows && has_one_direction(page))
               ? select_after_by_comparison(page, first, limit)
               : select_after_by_union(page, first, limit);
}
