/*
 * What the tests of accounts and sessions share: a store on SQLite with the whole schema, and an
 * arena, as the state of each test. The rows stay from test to test.
 */
#ifndef TESTS_ACCOUNTS_H
#define TESTS_ACCOUNTS_H

#include "stores.h"

#include "base/log.h"
#include "store/migrations.h"

struct test {
    struct arena *arena;
    struct store *store;
};

static struct config store_config;
static struct store_shared *store_queue;

static inline int test_setup(void **state)
{
    struct test *test = must_alloc(sizeof *test);
    test->arena = arena_new();
    test->store = store_new(&store_config, store_queue);
    *state = test;
    return 0;
}

static inline int test_teardown(void **state)
{
    struct test *test = *state;
    arena_free(&test->arena);
    store_free(&test->store);
    free(test);
    return 0;
}

#define ACCOUNTS_TEST(function) cmocka_unit_test_setup_teardown(function, test_setup, test_teardown)

/* What was written is seen by others, and by our own reads, from now on. */
static inline void commit(struct test *test)
{
    must_succeed(store_turn_end(test->store, test->arena));
}

/* Enters a folder with a new database that has the whole schema. */
static inline bool enter_accounts(char folder[PATH_MAX])
{
    struct test *test = NULL;
    struct buffer report = {0};
    if (!log_open(LOG_LEVEL_ERROR, "/dev/null") || !enter_temporary(folder)) {
        return false;
    }
    store_config = settings_of("sqlite:///accounts.db");
    store_queue = store_shared_new();
    test_setup((void **)&test);
    struct error *error = store_migrate_up(test->store, test->arena, MIGRATION_LATEST, &report);
    buffer_free(&report);
    test_teardown((void **)&test);
    return !error;
}

#endif
