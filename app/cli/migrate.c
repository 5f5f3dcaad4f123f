/* kontora migrate: shows and changes the version of the database schema, and rebuilds the text keys
 * after a change of the version of ICU. */
#include "store/migrations.h"

#include "base/buffer.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/usage.h"
#include "service/rekey_plan.h"

#include <stdio.h>
#include <stdlib.h>

static int print_report(const struct buffer *report, const struct error *error)
{
    fputs(report->length ? report->bytes : "", stdout);
    if (error) {
        fprintf(stderr, "%s\n", error->cause);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

/* Parses the target version; without an argument it is the latest. False if it is not a number. */
static bool parse_version(const struct command_call *call, int64_t *target_r)
{
    char *end = NULL;
    *target_r = MIGRATION_LATEST;
    if (call->argument_count) {
        *target_r = strtol(call->arguments[0], &end, 10);
    }
    return !end || (end != call->arguments[0] && !*end && *target_r >= 0);
}

static int run_migrate_status(struct command_call *call)
{
    struct buffer report = {.arena = call->arena};
    const struct error *error = store_migrate_status(call->store, call->arena, &report);
    if (!error) {
        error = rekey_status(rekey_plan(), call->store, call->arena, &report);
    }
    return print_report(&report, error);
}

static void print_progress(void *context, const char *line, bool warning)
{
    (void)context;
    puts(line);
    fflush(stdout);
    if (warning) {
        log_warning("text keys: %s", line);
    }
}

static int run_migrate_up(struct command_call *call)
{
    struct buffer report = {.arena = call->arena};
    int64_t target;
    if (!parse_version(call, &target)) {
        return usage_print_command(call->command);
    }
    const struct error *error = store_migrate_up(call->store, call->arena, target, &report);
    int status = print_report(&report, error);
    /* Only the latest schema has all text keys. */
    if (!error && target == MIGRATION_LATEST) {
        error = rekey_run(rekey_plan(), call->store, call->arena, print_progress, NULL);
        status = print_report(&(struct buffer){0}, error);
    }
    return status;
}

static int run_migrate_down(struct command_call *call)
{
    struct buffer report = {.arena = call->arena};
    int64_t target;
    if (!parse_version(call, &target)) {
        return usage_print_command(call->command);
    }
    const struct error *error = store_migrate_down(call->store, call->arena, target, &report);
    return print_report(&report, error);
}

static const struct command_action actions[] = {
    {
        .name = "status",
        .help = "list all migrations with their state, and the version of the text keys",
        .run = run_migrate_status,
    },
    {
        .name = "up",
        .arguments = "[N]",
        .arguments_max = 1,
        .help = "apply missing migrations, all or up to version N; without N, also rebuild\n"
                "the text keys if their version has changed",
        .run = run_migrate_up,
    },
    {
        .name = "down",
        .arguments = "[N]",
        .arguments_max = 1,
        .help = "revert the last migration, or all above version N",
        .run = run_migrate_down,
    },
    {.run = NULL},
};

const struct command migrate_command = {"migrate", COMMAND_NEEDS_STORE, actions};
