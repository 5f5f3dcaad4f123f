/* Query: parameters and rows of statements, and the cache of composed statements; the code that
 * both engines share. */
#include "store/query.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/spent.h"
#include "store/compiled.h"
#include "store/engine.h"
#include "store/shared.h"
#include "store/store.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void store_abort(const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    log_error("store: %s", text);
    abort();
}

void store_count_time(const char *operation, int64_t us)
{
    metrics_observe(METRIC_DATABASE_TIME, metrics_series(METRIC_DATABASE_TIME, operation, NULL),
                    us);
}

/* --- queries --------------------------------------------------------------------------------- */

static void end_query(struct store_query *query)
{
    struct store *store = query->store;
    if (query->begun) {
        store->engine->end(query);
    }
    if (query->begun && !query->writing) {
        store_count_time("read", query->spent_us);
    }
    query->ended = true;
    query->row = NULL;
    *query->link = query->next;
    if (query->next) {
        query->next->link = query->link;
    }
    if (query->slot >= SQL_COUNT) {
        store->composed[query->slot - SQL_COUNT].queries--;
    }
}

/* Clean-up function of the arena. */
static void end_query_with_arena(void *query)
{
    store_end(query);
}

static struct store_query *new_query(struct store *store, struct arena *arena, size_t slot)
{
    struct store_query *query = arena_alloc(arena, sizeof *query);
    query->store = store;
    query->arena = arena;
    query->slot = slot;
    query->text = store_statement_text(store, slot);
    query->parameters_wanted = slot < SQL_COUNT ? store_statements[slot].parameters[store->id]
                                                : store->composed[slot - SQL_COUNT].parameters;
    query->parameters = query->inline_parameters;
    query->parameter_size = PARAMETERS_INLINE;
    query->next = store->queries;
    query->link = &store->queries;
    if (query->next) {
        query->next->link = &query->next;
    }
    store->queries = query;
    arena_defer(arena, end_query_with_arena, query);
    return query;
}

struct store_query *store_query(struct store *store, struct arena *arena,
                                enum sql_statement statement)
{
    return new_query(store, arena, statement);
}

/* Returns the number of parameters of a statement: the highest n of its $n. */
static size_t count_parameters(const char *text)
{
    size_t greatest = 0;
    for (const char *dollar = strchr(text, '$'); dollar; dollar = strchr(dollar + 1, '$')) {
        size_t number = strtoul(dollar + 1, NULL, 10);
        greatest = number > greatest ? number : greatest;
    }
    return greatest;
}

/* Returns a cache entry for a new text: an unused one, or the least recently used one without open
 * queries. */
static struct composed *choose_composed(struct store *store)
{
    struct composed *chosen = NULL;
    for (size_t i = 0; i < COMPOSED_COUNT; i++) {
        struct composed *composed = &store->composed[i];
        if (!composed->queries && (!chosen || composed->used < chosen->used)) {
            chosen = composed;
        }
    }
    if (!chosen) {
        store_abort("too many open composed statements: %d", COMPOSED_COUNT);
    }
    return chosen;
}

struct store_query *store_compose(struct store *store, struct arena *arena, const char *text)
{
    struct composed *composed = NULL;
    for (size_t i = 0; i < COMPOSED_COUNT && !composed; i++) {
        if (store->composed[i].text && !strcmp(store->composed[i].text, text)) {
            composed = &store->composed[i];
        }
    }
    if (!composed) {
        composed = choose_composed(store);
        if (composed->text) {
            store->engine->finalize(store, SQL_COUNT + (size_t)(composed - store->composed));
            free(composed->text);
        }
        composed->text = base_strdup(text);
        composed->parameters = count_parameters(text);
    }
    composed->used = ++store->uses;
    composed->queries++;
    return new_query(store, arena, SQL_COUNT + (size_t)(composed - store->composed));
}

bool store_compares_rows(const struct store *store)
{
    return store->engine->compares_rows;
}

const char *store_text_of(const struct store *store, enum sql_statement statement)
{
    return store_statements[statement].text[store->id];
}

/* Returns the end of the column that begins at `text`: its comma, or the space before FROM. */
static const char *find_column_end(const char *text)
{
    size_t depth = 0;
    bool quoted = false;
    for (; *text; text++) {
        quoted ^= *text == '\'';
        depth += !quoted && *text == '(';
        depth -= !quoted && *text == ')';
        if (!quoted && !depth &&
            (*text == ',' ||
             (isspace((unsigned char)*text) && !strncmp(text + 1, "FROM ", strlen("FROM "))))) {
            break;
        }
    }
    return text;
}

size_t store_column_count(enum sql_statement statement)
{
    const char *columns = store_statements[statement].columns;
    size_t count = *columns != '\0';
    for (; *columns; columns++) {
        count += *columns == ' ';
    }
    return count;
}

const char *store_text_selecting(const struct store *store, struct arena *arena,
                                 enum sql_statement statement, const bool *wanted)
{
    static const char select[] = "SELECT ";
    const char *text = store_text_of(store, statement) + sizeof select - 1;
    struct buffer out = {.arena = arena};
    buffer_add_string(&out, select);
    for (size_t i = 0, count = store_column_count(statement); i < count; i++) {
        const char *end = find_column_end(text);
        if (wanted[i]) {
            buffer_add(&out, text, (size_t)(end - text));
        } else {
            buffer_add_string(&out, i ? " NULL" : "NULL");
        }
        buffer_add(&out, end, *end == ',');
        text = end + (*end == ',');
    }
    buffer_add_string(&out, text);
    return out.bytes;
}

const char *store_statement_text(const struct store *store, size_t slot)
{
    return slot < SQL_COUNT ? store_statements[slot].text[store->id]
                            : store->composed[slot - SQL_COUNT].text;
}

/* --- parameters ------------------------------------------------------------------------------ */

static struct cell *next_parameter(struct store_query *query)
{
    if (query->parameter_count == query->parameter_size) {
        size_t size = 2 * query->parameter_size;
        struct cell *larger = arena_array(query->arena, size, sizeof *larger);
        memcpy(larger, query->parameters, query->parameter_count * sizeof *larger);
        query->parameters = larger;
        query->parameter_size = size;
    }
    return &query->parameters[query->parameter_count++];
}

void store_bind_integer(struct store_query *query, int64_t integer)
{
    *next_parameter(query) = (struct cell){.type = CELL_INTEGER, .integer = integer};
}

void store_bind_text(struct store_query *query, const char *text)
{
    *next_parameter(query) =
        text ? (struct cell){.type = CELL_TEXT, .bytes = text, .length = strlen(text)}
             : (struct cell){.type = CELL_NULL};
}

void store_bind_bytes(struct store_query *query, const void *bytes, size_t length)
{
    *next_parameter(query) =
        bytes ? (struct cell){.type = CELL_BYTES, .bytes = bytes, .length = length}
              : (struct cell){.type = CELL_NULL};
}

void store_bind_null(struct store_query *query)
{
    *next_parameter(query) = (struct cell){.type = CELL_NULL};
}

void store_set_deadline(struct store_query *query, int64_t deadline_us)
{
    query->deadline_us = deadline_us;
}

/* --- rows ------------------------------------------------------------------------------------ */

struct error *store_remember_failure(struct store *store, struct error *error)
{
    if (store->writing && !store->failure) {
        store->failure =
            error_new(store->write_arena, error->id, "%s", error->cause ? error->cause : "");
    }
    return error;
}

/* Refuses a read if store_keys_watch(), in any process of this host, has found that the text keys
 * differ. Does not refuse writes, which check the keys themselves, and the query of that check. */
static struct error *refuse_read(const struct store_query *query)
{
    const struct store *store = query->store;
    bool refused = !query->writing && query->slot != SQL_TEXT_KEYS_GET && store->keys_version &&
                   store->shared &&
                   atomic_load_explicit(&store->shared->keys_differ, memory_order_relaxed);
    return refused ? error_new(query->arena, ERR_DATABASE_UNAVAILABLE, "%s",
                               "the text keys have another version: see the housekeeper's log")
                   : NULL;
}

static struct error *begin_query(struct store_query *query)
{
    struct store *store = query->store;
    if (query->parameters_wanted != query->parameter_count) {
        store_abort("%zu parameters bound, not %zu: %s", query->parameter_count,
                    query->parameters_wanted, query->text);
    }
    query->writing = store->writing;
    if (query->writing && store->failure) {
        return error_new(query->arena, store->failure->id, "%s", store->failure->cause);
    }
    struct error *error = refuse_read(query);
    if (!error) {
        error = store->engine->begin(query);
    }
    query->begun = !error;
    return error;
}

/* Begins the query if necessary, and fetches its next row. Adds the duration to the metrics, except
 * within a write: that is measured as a whole (write.c). */
static struct error *fetch_row(struct store_query *query)
{
    bool measured = !query->store->writing;
    int64_t began = measured ? clock_steady_us() : 0;
    struct error *error = query->begun ? NULL : begin_query(query);
    if (!error) {
        error = query->store->engine->next(query);
    }
    if (measured) {
        int64_t us = clock_steady_us() - began;
        query->spent_us += us;
        spent_add(SPENT_DATABASE, us);
    }
    return error;
}

struct error *store_next(struct store_query *query, bool *row_r)
{
    *row_r = false;
    if (query->ended) {
        return NULL;
    }
    struct error *error = fetch_row(query);
    if (error) {
        store_remember_failure(query->store, error);
    }
    if (error || !query->row) {
        end_query(query);
        return error;
    }
    *row_r = true;
    return NULL;
}

void store_end(struct store_query *query)
{
    if (!query->ended) {
        end_query(query);
    }
}

struct error *store_execute(struct store_query *query)
{
    struct error *error = NULL;
    bool row = true;
    while (!error && row) {
        error = store_next(query, &row);
    }
    return error;
}

int64_t store_changes(const struct store_query *query)
{
    return query->changes;
}

size_t store_columns(const struct store_query *query)
{
    return query->column_count;
}

static const struct cell *get_cell(const struct store_query *query, size_t column)
{
    if (!query->row || column >= query->column_count) {
        store_abort("no column %zu: %s", column, query->text);
    }
    return &query->row[column];
}

/* Returns the cell of a column, or NULL if it is null. Aborts if the cell has another type. */
static const struct cell *get_typed(const struct store_query *query, size_t column,
                                    enum cell_type type)
{
    const struct cell *cell = get_cell(query, column);
    if (cell->type == CELL_NULL) {
        return NULL;
    }
    if (cell->type != type) {
        store_abort("column %zu has another type: %s", column, query->text);
    }
    return cell;
}

bool store_is_null(const struct store_query *query, size_t column)
{
    return get_cell(query, column)->type == CELL_NULL;
}

int64_t store_integer(const struct store_query *query, size_t column)
{
    const struct cell *cell = get_typed(query, column, CELL_INTEGER);
    return cell ? cell->integer : 0;
}

static const char *get_bytes(const struct cell *cell, size_t *length_r)
{
    if (length_r) {
        *length_r = cell ? cell->length : 0;
    }
    return cell ? cell->bytes : NULL;
}

const char *store_text(const struct store_query *query, size_t column, size_t *length_r)
{
    return get_bytes(get_typed(query, column, CELL_TEXT), length_r);
}

const void *store_bytes(const struct store_query *query, size_t column, size_t *length_r)
{
    return get_bytes(get_typed(query, column, CELL_BYTES), length_r);
}

bool store_is_violation(const struct error *error, const char *constraint)
{
    bool violated = error->id == ERR_CONSTRAINT_UNIQUE || error->id == ERR_CONSTRAINT_REFERENCE;
    if (error->id == ERR_CONSTRAINT_REFERENCE && !*error->cause) {
        const char *suffix = strrchr(constraint, '_');
        return suffix && !strcmp(suffix, "_fkey");
    }
    return violated && !strcmp(error->cause, constraint);
}
