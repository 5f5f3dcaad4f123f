/*
 * Shared by the tests of the store: settings for an engine, the per-test state, a table to write
 * to, and simple statements on it.
 */
#ifndef TESTS_STORES_H
#define TESTS_STORES_H

#include "unit.h"

#include "base/clock.h"
#include "base/config.h"
#include "store/engine.h"
#include "store/migrations.h"
#include "store/query.h"
#include "store/store.h"
#include "store/write.h"

enum { TIMEOUT_MS = 2000, MS_US = 1000 };

static inline struct config config_of_url(const char *url)
{
    return (struct config){
        .database_url = url,
        .database_timeout_ms = TIMEOUT_MS,
        .state_dir = "state",
    };
}

/* --- state of a test -------------------------------------------------------------------------- */

/* Arguments of store_new(); store_queue is NULL if the stores do not share a write queue. */
static struct config store_config;
static struct store_shared *store_queue;

/* State of a test: its arena, its store, and a second store that stands for another process.
 * Rows persist from test to test. */
struct test {
    struct arena *arena;
    struct store *store, *other;
};

static inline int test_setup(void **state)
{
    struct test *test = base_alloc(sizeof *test);
    test->arena = arena_new();
    test->store = store_new(&store_config, store_queue);
    test->other = store_new(&store_config, store_queue);
    *state = test;
    return 0;
}

static inline int test_teardown(void **state)
{
    struct test *test = *state;
    arena_free(&test->arena);
    store_free(&test->store);
    store_free(&test->other);
    free(test);
    return 0;
}

/* --- errors ----------------------------------------------------------------------------------- */

static inline void must_succeed(const struct error *error)
{
    if (error) {
        FAIL("error %d: %s", (int)error->id, error->cause ? error->cause : "");
    }
}

/* Like test_setup(), with the schema and no rows. */
static inline int test_setup_schema(void **state)
{
    test_setup(state);
    struct test *test = *state;
    struct buffer report = {.arena = test->arena};
    must_succeed(store_migrate_down(test->store, test->arena, 0, &report));
    must_succeed(store_migrate_up(test->store, test->arena, MIGRATION_LATEST, &report));
    return 0;
}

static inline void assert_error(const struct error *error, enum error_id id)
{
    if (!error || error->id != id) {
        FAIL("error %d: %s", error ? (int)error->id : -1,
             error && error->cause ? error->cause : "");
    }
}

/* --- writing ---------------------------------------------------------------------------------- */

struct script {
    struct arena *arena;
    const char *text;
};

static inline struct error *run_script(struct store *store, void *context)
{
    const struct script *script = context;
    return store_script(store, script->arena, script->text);
}

/* Runs and commits statements that change the schema. */
static inline void must_script(struct store *store, struct arena *arena, const char *text)
{
    struct script script = {arena, text};
    must_succeed(store_write_schema(store, arena, run_script, &script));
    must_succeed(store_group_commit(store, arena));
}

/* A statement for store_write() that returns no rows and has an integer and an optional text
 * parameter. */
struct change {
    struct arena *arena;
    const char *text;
    int64_t integer;
    const char *string; /* NULL if the statement has one parameter */
    int runs;
    int64_t changes;
    struct error *then; /* returned after the statement succeeded */
};

static inline struct error *run_change(struct store *store, void *context)
{
    struct change *change = context;
    struct store_query *query = store_compose(store, change->arena, change->text);
    change->runs++;
    store_bind_integer(query, change->integer);
    if (change->string) {
        store_bind_text(query, change->string);
    }
    struct error *error = store_execute(query);
    change->changes = store_changes(query);
    return error ? error : change->then;
}

static const char insert_item[] = "INSERT INTO items (id) VALUES ($1)";

/* Inserts one item into the current group commit. */
static inline struct error *insert_item_row(struct store *store, struct arena *arena, int64_t id)
{
    struct change change = {.arena = arena, .text = insert_item, .integer = id};
    return store_write(store, arena, run_change, &change);
}

/* Inserts one item and commits it. */
static inline struct error *insert_and_commit(struct store *store, struct arena *arena, int64_t id)
{
    struct error *error = insert_item_row(store, arena, id);
    struct error *ending = store_group_commit(store, arena);
    return error ? error : ending;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Reads the single integer that a statement without parameters returns. */
static inline struct error *read_integer(struct store *store, struct arena *arena, const char *text,
                                         int64_t *integer_r)
{
    bool row = false;
    struct store_query *query = store_compose(store, arena, text);
    struct error *error = store_next(query, &row);
    *integer_r = row ? store_integer(query, 0) : -1;
    return error ? error : store_execute(query);
}

static inline int64_t count_items(struct store *store, struct arena *arena)
{
    int64_t count = -1;
    must_succeed(read_integer(store, arena, "SELECT count(*) FROM items", &count));
    return count;
}

#endif
