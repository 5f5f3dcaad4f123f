/* kontora purge: deletes expired rows and orphaned objects, as the housekeeper does. */
#include "collection/purge.h"

#include "base/clock.h"
#include "cli/commands.h"
#include "collection/ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WRITERS_US = 20 * 1000 }; /* between two batches, so that the service can write */

static struct error *purge_expired(const struct command_call *call, enum purge_kind kind,
                                   int64_t *total_r)
{
    int64_t now = clock_wall_ms(), deleted = PURGE_BATCH;
    struct error *error = NULL;
    *total_r = 0;
    while (!error && deleted == PURGE_BATCH) {
        error = purge_batch(call->store, call->arena, kind, now, &deleted);
        *total_r += deleted;
        usleep(deleted == PURGE_BATCH ? WRITERS_US : 0);
    }
    return error;
}

static struct error *purge_orphans(const struct command_call *call,
                                   struct ledger_leftovers *total_r)
{
    struct error *error = NULL;
    bool more = true;
    *total_r = (struct ledger_leftovers){0};
    while (!error && more) {
        struct ledger_leftovers leftovers;
        error = ledger_purge(call->store, call->objects, call->arena, clock_wall_ms(), &leftovers,
                             &more);
        total_r->objects += leftovers.objects;
        total_r->staged += leftovers.staged;
    }
    return error;
}

static int run_purge(struct command_call *call)
{
    for (enum purge_kind kind = 0; kind < PURGE_COUNT; kind++) {
        int64_t total;
        const struct error *error = purge_expired(call, kind, &total);
        printf("%s %" PRId64 "\n", purge_names[kind], total);
        if (error) {
            return command_report(call, error);
        }
    }
    struct ledger_leftovers leftovers;
    const struct error *error = purge_orphans(call, &leftovers);
    printf("pending_objects %zu\nstaged_files %zu\n", leftovers.objects, leftovers.staged);
    return error ? command_report(call, error) : EXIT_SUCCESS;
}

static const struct command_action actions[] = {
    {
        .help = "delete expired rows and orphaned objects, as the service does every minute",
        .run = run_purge,
    },
    {.run = NULL},
};

const struct command purge_command = {"purge", COMMAND_NEEDS_STORE, actions};
