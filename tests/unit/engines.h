/* Runs the same tests on SQLite and on PostgreSQL. */
#ifndef TESTS_ENGINES_H
#define TESTS_ENGINES_H

#include "postgres.h"
#include "stores.h"

#include "base/log.h"

/* Implements main(): runs a group of tests on each engine, under a separate group name. */
static inline int run_on_engines(int (*run)(const char *name), const char *on_sqlite,
                                 const char *on_postgres)
{
    static struct postgres_server server;
    char folder[PATH_MAX];
    if (!log_open(LOG_LEVEL_ERROR, "/dev/null") || !enter_temporary(folder)) {
        return EXIT_FAILURE;
    }
    struct arena *arena = arena_new();
    store_config = config_of_url("sqlite:///test.db");
    int failed = run(on_sqlite);
    if (postgres_create(&server, folder)) {
        store_config = config_of_url(postgres_url(arena, &server));
        failed += run(on_postgres);
    } else {
        fprintf(stderr, "PostgreSQL: cannot start the server\n");
        failed++;
    }
    postgres_kill(&server);
    arena_free(&arena);
    return leave_temporary(folder, failed);
}

#endif
