/* kontora purge: deletes expired rows and orphaned objects, as the housekeeper, the process for
 * periodic jobs, does. */
#include "base/clock.h"
#include "cli/commands.h"
#include "files/catalog.h"
#include "service/purge_plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PAUSE_US = 20 * 1000 }; /* pause between two batches, in which the service can write */

static struct error *purge_expired(const struct command_call *call, const struct purge_kind *kind,
                                   int64_t *total_r)
{
    int64_t now = clock_wall_ms(), deleted = PURGE_BATCH;
    struct error *error = NULL;
    *total_r = 0;
    while (!error && deleted == PURGE_BATCH) {
        error = purge_batch(call->store, call->arena, kind, now, &deleted);
        *total_r += deleted;
        usleep(deleted == PURGE_BATCH ? PAUSE_US : 0);
    }
    return error;
}

static struct error *purge_orphans(const struct command_call *call, struct catalog_orphans *total_r)
{
    struct error *error = NULL;
    bool more = true;
    *total_r = (struct catalog_orphans){0};
    while (!error && more) {
        struct catalog_orphans orphans;
        error = catalog_purge(call->store, call->objects, call->arena, clock_wall_ms(), &orphans,
                              &more);
        total_r->objects += orphans.objects;
        total_r->staged += orphans.staged;
    }
    return error;
}

static int run_purge(struct command_call *call)
{
    for (const struct purge_kind *const *kind = purge_plan.kinds; *kind; kind++) {
        int64_t total;
        const struct error *error = purge_expired(call, *kind, &total);
        printf("%s %" PRId64 "\n", (*kind)->table, total);
        if (error) {
            return command_report_error(call, error);
        }
    }
    struct catalog_orphans orphans;
    const struct error *error = purge_orphans(call, &orphans);
    printf("pending_objects %zu\nstaged_files %zu\n", orphans.objects, orphans.staged);
    return error ? command_report_error(call, error) : EXIT_SUCCESS;
}

static const struct command_action actions[] = {
    {
        .help = "delete expired rows and orphaned objects, as the service does every minute",
        .run = run_purge,
    },
    {.run = NULL},
};

const struct command purge_command = {"purge", COMMAND_NEEDS_KEYS, actions};
