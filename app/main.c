/* kontora: entry point. Runs the command that the first argument names. */
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/usage.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

/* In the order in which `kontora help` lists them. */
static const struct command *const commands[] = {
    &serve_command,  &migrate_command, &admin_command, &sessions_command,
    &purge_command,  &recount_command, &files_command, &openapi_command,
    &config_command, &version_command, &help_command,  NULL,
};

static const struct command *find_command(const char *name)
{
    for (const struct command *const *command = commands; *command; command++) {
        if (!strcmp(name, (*command)->name)) {
            return *command;
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    /* Libraries read text as UTF-8; numbers and times keep the format of the C locale. */
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    /* Limits DNS lookups to one second per name server. The defaults would block a worker for ten
     * seconds per name and name server while the domain controllers, which are often the name
     * servers, are down. */
    (void)setenv("RES_OPTIONS", "timeout:1 attempts:1", 0);
    struct command_call call = {
        .commands = commands,
        .command = argc > 1 ? find_command(argv[1]) : NULL,
    };
    if (!call.command) {
        usage_print(stderr, commands);
        return COMMAND_EXIT_USAGE;
    }
    return arguments_parse(&call, argc - 1, argv + 1) ? command_run(&call) : COMMAND_EXIT_USAGE;
}
