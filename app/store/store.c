/* See store.h. What both engines do alike: queries and their values, composed statements, and what
 * holds of every write. */
#include "store/internal.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/spent.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void store_slip(const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    log_error("store: %s", text);
    abort();
}

/* --- time ------------------------------------------------------------------------------------ */

static void count_time(const char *operation, int64_t us)
{
    metrics_observe(METRIC_DATABASE_TIME, metrics_series(METRIC_DATABASE_TIME, operation, NULL),
                    us);
}

/* What a transaction or a commit took since `began`. */
static void count_since(const char *operation, int64_t began)
{
    int64_t us = clock_steady_us() - began;
    spent_add(SPENT_DATABASE, us);
    count_time(operation, us);
}

/* --- life ------------------------------------------------------------------------------------ */

static bool is_sqlite(const struct config *config)
{
    return !strncmp(config->database_url, "sqlite:", strlen("sqlite:"));
}

bool store_check(const struct config *config, struct buffer *faults)
{
    return is_sqlite(config) ? sqlite_check(config, faults) : postgres_check(config, faults);
}

struct store *store_new(const struct config *config, struct store_shared *shared)
{
    enum engine_id id = is_sqlite(config) ? ENGINE_SQLITE : ENGINE_POSTGRES;
    const struct engine *engine = id == ENGINE_SQLITE ? &sqlite_engine : &postgres_engine;
    struct store *store = engine->open(config, shared);
    store->engine = engine;
    store->id = id;
    store->config = config;
    store->shared = shared;
    return store;
}

static void end_query(struct store_query *query)
{
    struct store *store = query->store;
    if (query->begun) {
        store->engine->end(query);
    }
    if (query->begun && !query->writing) {
        count_time("read", query->spent_us);
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

void store_free(struct store **store)
{
    if (!*store) {
        return;
    }
    while ((*store)->queries) {
        end_query((*store)->queries);
    }
    for (size_t i = 0; i < COMPOSED_COUNT; i++) {
        free((*store)->composed[i].text);
    }
    (*store)->engine->close(*store);
    *store = NULL;
}

/* --- queries --------------------------------------------------------------------------------- */

static void release(void *handle)
{
    store_end(handle);
}

static struct store_query *new_query(struct store *store, struct arena *arena, size_t slot)
{
    struct store_query *query = arena_alloc(arena, sizeof *query);
    query->store = store;
    query->arena = arena;
    query->slot = slot;
    query->text = store_statement_text(store, slot);
    query->parameters_wanted = slot < SQL_COUNT ? sql_statements[slot].parameters[store->id]
                                                : store->composed[slot - SQL_COUNT].parameters;
    query->parameters = query->inline_parameters;
    query->parameter_size = PARAMETERS_INLINE;
    query->next = store->queries;
    query->link = &store->queries;
    if (query->next) {
        query->next->link = &query->next;
    }
    store->queries = query;
    arena_defer(arena, release, query);
    return query;
}

struct store_query *store_query(struct store *store, struct arena *arena,
                                enum sql_statement statement)
{
    return new_query(store, arena, statement);
}

/* Returns the number of parameters of a statement: the greatest n of its $n. */
static size_t count_parameters(const char *text)
{
    size_t greatest = 0;
    for (const char *dollar = strchr(text, '$'); dollar; dollar = strchr(dollar + 1, '$')) {
        size_t number = strtoul(dollar + 1, NULL, 10);
        greatest = number > greatest ? number : greatest;
    }
    return greatest;
}

/* Where a new text goes: a place that is free, or the one that was used least recently. */
static struct composed *choose_place(struct store *store)
{
    struct composed *chosen = NULL;
    for (size_t i = 0; i < COMPOSED_COUNT; i++) {
        struct composed *composed = &store->composed[i];
        if (!composed->queries && (!chosen || composed->used < chosen->used)) {
            chosen = composed;
        }
    }
    if (!chosen) {
        store_slip("%d composed statements are open", COMPOSED_COUNT);
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
        composed = choose_place(store);
        if (composed->text) {
            store->engine->forget(store, SQL_COUNT + (size_t)(composed - store->composed));
            free(composed->text);
        }
        composed->text = must_string(text);
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
    return sql_statements[statement].text[store->id];
}

const char *store_statement_text(const struct store *store, size_t slot)
{
    return slot < SQL_COUNT ? sql_statements[slot].text[store->id]
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

/* --- rows ------------------------------------------------------------------------------------ */

/* In a write the first failure stays: nothing after it is tried, on neither engine. */
static struct error *remember_failure(struct store *store, struct error *error)
{
    if (store->writing && !store->failure) {
        store->failure =
            error_new(store->write_arena, error->id, "%s", error->cause ? error->cause : "");
    }
    return error;
}

static struct error *begin(struct store_query *query)
{
    struct store *store = query->store;
    if (query->parameters_wanted != query->parameter_count) {
        store_slip("%zu parameters: %s", query->parameter_count, query->text);
    }
    query->writing = store->writing;
    if (query->writing && store->failure) {
        return error_new(query->arena, store->failure->id, "%s", store->failure->cause);
    }
    struct error *error = store->engine->begin(query);
    query->begun = !error;
    return error;
}

static struct error *step(struct store_query *query)
{
    struct error *error = query->begun ? NULL : begin(query);
    return error ? error : query->store->engine->next(query);
}

/* The same, and counts what it took; inside of a write, that is counted as a whole. */
static struct error *timed_step(struct store_query *query)
{
    if (query->store->writing) {
        return step(query);
    }
    int64_t began = clock_steady_us();
    struct error *error = step(query);
    int64_t us = clock_steady_us() - began;
    query->spent_us += us;
    spent_add(SPENT_DATABASE, us);
    return error;
}

struct error *store_next(struct store_query *query, bool *row_r)
{
    *row_r = false;
    if (query->ended) {
        return NULL;
    }
    struct error *error = timed_step(query);
    if (error) {
        remember_failure(query->store, error);
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
        store_slip("no column %zu: %s", column, query->text);
    }
    return &query->row[column];
}

/* The cell if it is of the type, NULL if it is null. */
static const struct cell *get_typed(const struct store_query *query, size_t column,
                                    enum cell_type type)
{
    const struct cell *cell = get_cell(query, column);
    if (cell->type == CELL_NULL) {
        return NULL;
    }
    if (cell->type != type) {
        store_slip("column %zu is of another type: %s", column, query->text);
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

bool store_violated(const struct error *error, const char *constraint)
{
    bool violated = error->id == ERR_CONSTRAINT_UNIQUE || error->id == ERR_CONSTRAINT_REFERENCE;
    if (error->id == ERR_CONSTRAINT_REFERENCE && !*error->cause) {
        const char *suffix = strrchr(constraint, '_');
        return suffix && !strcmp(suffix, "_fkey");
    }
    return violated && !strcmp(error->cause, constraint);
}

/* --- changes --------------------------------------------------------------------------------- */

struct error *store_run(struct store *store, struct arena *arena, store_work *work, void *context)
{
    store->writing = true;
    store->write_arena = arena;
    store->failure = NULL;
    struct error *error = work(store, context);
    for (struct store_query *query = store->queries, *next; query; query = next) {
        next = query->next;
        if (query->begun && query->writing) {
            end_query(query);
        }
    }
    store->writing = false;
    return error ? error : store->failure;
}

/* Returns the error of the failed group commit. */
static struct error *group_error(const struct store *store, struct arena *arena)
{
    return error_new(arena, store->group.id, "%s", store->group.cause);
}

static struct error *write_kind(struct store *store, struct arena *arena, store_work *work,
                                void *context, enum write_kind kind)
{
    if (store->writing) {
        store_slip("store_write() inside of store_write()");
    }
    if (store->group.failed) {
        return group_error(store, arena);
    }
    store->transactions += !store_turn_open(store);
    store->wrote = true;
    int64_t began = clock_steady_us();
    struct error *error = store->engine->write(store, arena, work, context, kind);
    count_since("write", began);
    return error;
}

struct error *store_write(struct store *store, struct arena *arena, store_work *work, void *context)
{
    return write_kind(store, arena, work, context, WRITE_ORDINARY);
}

struct error *store_write_unserialized(struct store *store, struct arena *arena, store_work *work,
                                       void *context)
{
    return write_kind(store, arena, work, context, WRITE_UNSERIALIZED);
}

struct error *store_write_schema(struct store *store, struct arena *arena, store_work *work,
                                 void *context)
{
    return write_kind(store, arena, work, context, WRITE_SCHEMA);
}

struct error *store_script(struct store *store, struct arena *arena, const char *text)
{
    struct error *error = store->engine->script(store, arena, text);
    return error ? remember_failure(store, error) : NULL;
}

void store_defer(struct store *store, enum sql_statement statement)
{
    if (!sql_statements[statement].text[store->id]) {
        return;
    }
    for (size_t i = 0; i < store->deferred_count; i++) {
        if (store->deferred[i] == statement) {
            return;
        }
    }
    if (store->deferred_count == DEFERRED_MAX || !store->engine->turn_end) {
        store_slip("%s cannot be deferred", sql_statements[statement].name);
    }
    store->deferred[store->deferred_count++] = statement;
}

static struct error *run_deferred(struct store *store, void *context)
{
    struct error *error = NULL;
    for (size_t i = 0; i < store->deferred_count && !error; i++) {
        error = store_execute(store_query(store, context, store->deferred[i]));
    }
    return error;
}

struct error *store_run_deferred(struct store *store, struct arena *arena)
{
    struct error *error = store_run(store, arena, run_deferred, arena);
    store->deferred_count = 0;
    return error;
}

void store_read_by_turns(struct store *store)
{
    store->reads_by_turns = true;
}

void store_rest(struct store *store)
{
    if (store->engine->rest) {
        store->engine->rest(store);
    }
}

bool store_turn_open(const struct store *store)
{
    return store->engine->turn_open && store->engine->turn_open(store);
}

/* --- group commit ---------------------------------------------------------------------------- */

uint64_t store_hold(struct store *store)
{
    bool waits = store->wrote && store_turn_open(store);
    store->wrote = false;
    store->group.waits = store->group.waits || waits;
    return waits ? store->transactions : 0;
}

/* Records the result of a commit for the requests of the group. */
static void settle_group(struct store *store, const struct error *error)
{
    struct held_group *group = &store->group;
    group->failed = group->waits && error;
    group->waits = false;
    if (group->failed) {
        group->id = error->id;
        snprintf(group->cause, sizeof group->cause, "%s", error->cause ? error->cause : "");
    }
}

struct error *store_turn_end(struct store *store, struct arena *arena)
{
    if (!store->engine->turn_end) {
        return NULL;
    }
    bool open = store_turn_open(store);
    int64_t began = open ? clock_steady_us() : 0;
    struct error *error = store->engine->turn_end(store, arena);
    if (open) {
        count_since("commit", began);
        settle_group(store, error);
    }
    return !error && store->group.failed ? group_error(store, arena) : error;
}

struct error *store_group_end(struct store *store, struct arena *arena, uint64_t *lost_r)
{
    struct error *error = store_turn_end(store, arena);
    *lost_r = error ? store->transactions : 0;
    store->group.failed = false;
    return error;
}

struct error *store_checkpoint(struct store *store, struct arena *arena)
{
    return store->engine->checkpoint ? store->engine->checkpoint(store, arena) : NULL;
}
