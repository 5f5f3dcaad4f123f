/* kontora help: prints all commands with their options. */
#include "cli/commands.h"
#include "cli/usage.h"

#include <stdio.h>
#include <stdlib.h>

static int run_help(struct command_call *call)
{
    usage_print(stdout, call->commands);
    return EXIT_SUCCESS;
}

static const struct command_action actions[] = {
    {.help = "print this text", .run = run_help},
    {.run = NULL},
};

const struct command help_command = {"help", COMMAND_NEEDS_NOTHING, actions};
