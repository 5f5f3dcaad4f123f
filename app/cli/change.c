/* See change.h. */
#include "cli/change.h"

#include "base/random.h"
#include "http/audit.h"
#include "store/store.h"

#include <stdlib.h>

/* Writes the audit line in the format of a change that arrives over HTTP. */
static void write_audit_line(const struct command_call *call, const struct change *change,
                             const struct error *error)
{
    const struct route route = {
        .pattern = "",
        .summary = {"Изменить из командной строки", "Change from the command line"},
        .action = change->action,
        .resource_type = change->resource_type,
    };
    char id[RANDOM_ID_SIZE];
    struct request request = {
        .arena = call->arena,
        .route = &route,
        .id = random_id(id),
        .actor = "cli",
        .subject = change->subject,
        .headers = {.address = ""},
    };
    audit_write(&request, error);
}

int change_commit(const struct command_call *call, const struct change *change, struct error *error)
{
    struct error *commit_error = store_group_commit(call->store, call->arena);
    error = error ? error : commit_error;
    write_audit_line(call, change, error);
    return error ? command_report_error(call, error) : EXIT_SUCCESS;
}
