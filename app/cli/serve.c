/* kontora serve: runs the service in the foreground. */
#include "base/arena.h"
#include "base/fold.h"
#include "base/log.h"
#include "cli/commands.h"
#include "http/server.h"
#include "service/service.h"
#include "store/keys.h"
#include "store/migrations.h"
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* Checks the version of the text keys in a database with the current schema. Returns false if it is
 * not the version of this program. */
static bool accepts_keys(struct store *store, struct arena *arena)
{
    store_require_keys(store, fold_version());
    const struct error *error = store_keys_check(store, arena);
    bool accepted = !error || !store_keys_differ(store);
    if (!accepted) {
        log_error("database: %s", error->cause);
    }
    return accepted;
}

/* Returns false if the service must not start on this database: in production if the schema has
 * another version than this program, and always if the schema has the same version but the text
 * keys do not. Accepts an unavailable database, because workers start without it and reconnect. */
static bool accepts_database(const struct config *config)
{
    struct arena *arena = arena_new();
    struct store *store = store_new(config, NULL);
    const struct error *error = store_schema_check(store, arena);
    bool accepted = !error || error->id == ERR_DATABASE_UNAVAILABLE ||
                    config->environment != ENVIRONMENT_PRODUCTION;
    if (error && accepted) {
        log_warning("schema: %s", error->cause);
    } else if (error) {
        log_error("schema: %s", error->cause);
    } else {
        accepted = accepts_keys(store, arena);
    }
    store_free(&store);
    arena_free(&arena);
    return accepted;
}

static int run_serve(struct command_call *call)
{
    struct config *config = &call->config;
    if (!log_open((enum log_level)config->log_level, config->log_path)) {
        fprintf(stderr, "%sLOG_PATH: cannot open %s: %s\n", log_journal_priority(LOG_LEVEL_ERROR),
                config->log_path, strerror(errno));
        return EX_CONFIG;
    }
    if (!server_init()) {
        log_error("libfcgi: cannot initialize");
        return EXIT_FAILURE;
    }
    return accepts_database(config) ? service_run(config, call->env_file) : EX_CONFIG;
}

static const struct command_action actions[] = {
    {.help = "run the service in the foreground", .run = run_serve},
    {.run = NULL},
};

const struct command serve_command = {"serve", COMMAND_NEEDS_SETTINGS, actions};
