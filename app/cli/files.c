/* kontora files: compares the files of the database with the objects of the storage. */
#include "base/buffer.h"
#include "cli/commands.h"
#include "files/catalog_check.h"

#include <stdio.h>
#include <stdlib.h>

static int run_files_check(struct command_call *call)
{
    struct buffer report = {.arena = call->arena};
    struct catalog_faults faults;
    bool repair = command_option(call, "repair");
    const struct error *error =
        catalog_check(call->store, call->objects, repair, call->arena, &report, &faults);
    fputs(report.length ? report.bytes : "", stdout);
    if (error) {
        return command_report_error(call, error);
    }
    size_t repaired = repair ? faults.lost + faults.orphans : 0;
    size_t wrong = faults.lost + faults.damaged + faults.orphans;
    printf("%zu wrong", wrong);
    if (repaired) {
        printf(", %zu repaired", repaired);
    }
    printf("\n");
    return wrong > repaired ? EXIT_FAILURE : EXIT_SUCCESS;
}

static const struct command_option options[] = {
    {"repair", NULL, "delete files without an object and objects without a file"},
    {.name = NULL},
};

static const struct command_action actions[] = {
    {
        .name = "check",
        .options = options,
        .help = "compare the files of the database with the objects of the storage, and\n"
                "print the differences",
        .run = run_files_check,
    },
    {.run = NULL},
};

const struct command files_command = {"files", COMMAND_NEEDS_KEYS, actions};
