/*
 * What the tests of accounts and sessions share: a database on SQLite with the whole schema, below
 * the state of each test.
 */
#ifndef TESTS_ACCOUNTS_H
#define TESTS_ACCOUNTS_H

#include "stores.h"

#include "base/log.h"
#include "store/migrations.h"

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
