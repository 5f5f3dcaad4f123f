/*
 * Shared by the tests of accounts and sessions: creates an SQLite database with the full schema,
 * and uses the test state of stores.h.
 */
#ifndef TESTS_ACCOUNTS_H
#define TESTS_ACCOUNTS_H

#include "stores.h"

#include "base/log.h"
#include "store/migrations.h"

#define ACCOUNTS_TEST(function) cmocka_unit_test_setup_teardown(function, test_setup, test_teardown)

/* Commits the writes, so that other connections and our own reads see them. */
static inline void commit_writes(struct test *test)
{
    must_succeed(store_group_commit(test->store, test->arena));
}

/* Enters a temporary folder with a new database that has the full schema. */
static inline bool enter_accounts(char folder[PATH_MAX])
{
    struct test *test = NULL;
    struct buffer report = {0};
    if (!log_open(LOG_LEVEL_ERROR, "/dev/null") || !enter_temporary(folder)) {
        return false;
    }
    store_config = config_of_url("sqlite:///accounts.db");
    store_queue = store_shared_new();
    test_setup((void **)&test);
    struct error *error = store_migrate_up(test->store, test->arena, MIGRATION_LATEST, &report);
    buffer_free(&report);
    test_teardown((void **)&test);
    return !error;
}

#endif
