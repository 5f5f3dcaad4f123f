/* kontora version: prints the version. */
#include "base/version.h"

#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>

static int run_version(struct command_call *call)
{
    (void)call;
    puts("kontora " KONTORA_VERSION);
    return EXIT_SUCCESS;
}

static const struct command_action actions[] = {
    {.help = "print the version", .run = run_version},
    {.run = NULL},
};

const struct command version_command = {"version", COMMAND_NEEDS_NOTHING, actions};
