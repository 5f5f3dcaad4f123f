/* kontora config: prints the effective settings, or checks them. */
#include "base/config.h"

#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

static int run_config(struct command_call *call)
{
    if (!command_option(call, "check")) {
        struct buffer out = {0};
        config_print(&call->config, &out);
        fputs(out.bytes, stdout);
        buffer_free(&out);
    }
    return call->settings_valid ? EXIT_SUCCESS : EX_CONFIG;
}

static const struct command_option options[] = {
    {"check", NULL, "print invalid settings only; the exit status is 0 if all are valid"},
    {.name = NULL},
};

static const struct command_action actions[] = {
    {
        .options = options,
        .help = "print the effective settings, secrets masked",
        .run = run_config,
    },
    {.run = NULL},
};

const struct command config_command = {"config", COMMAND_READS_SETTINGS, actions};
