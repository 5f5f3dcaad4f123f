/* kontora recount: compares the counters of totals and analytics with the rows that they count. */
#include "base/buffer.h"
#include "cli/commands.h"
#include "files/usage.h"
#include "rest/counters.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>

static int run_recount(struct command_call *call)
{
    struct buffer report = {.arena = call->arena};
    bool repair = command_option(call, "repair");
    size_t wrong_counters = 0, wrong_usage = 0;
    struct error *error =
        counters_recount(call->store, call->arena, repair, &report, &wrong_counters);
    if (!error) {
        error = file_usage_recount(call->store, call->arena, repair, &report, &wrong_usage);
    }
    if (!error) {
        error = store_group_commit(call->store, call->arena);
    }
    if (error) {
        return command_report_error(call, error);
    }
    size_t wrong = wrong_counters + wrong_usage;
    printf("%s%zu wrong%s\n", report.length ? report.bytes : "", wrong,
           wrong && repair ? ", repaired" : "");
    return wrong && !repair ? EXIT_FAILURE : EXIT_SUCCESS;
}

static const struct command_option options[] = {
    {"repair", NULL, "correct the wrong counters"},
    {.name = NULL},
};

static const struct command_action actions[] = {
    {
        .options = options,
        .help = "compare the counters of totals and analytics with the rows, and print the\n"
                "wrong ones",
        .run = run_recount,
    },
    {.run = NULL},
};

const struct command recount_command = {"recount", COMMAND_NEEDS_KEYS, actions};
