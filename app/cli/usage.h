/* Usage: the help of `kontora help` and of invalid command lines, from the tables of commands. */
#ifndef CLI_USAGE_H
#define CLI_USAGE_H

#include "cli/command.h"

#include <stdio.h>

/* The option of every command that needs settings. */
extern const struct command_option usage_env_file;

/* Prints all commands with their options and help texts. NULL ends the list. */
void usage_print(FILE *out, const struct command *const *commands);

/* Prints how to call this command to standard error. Returns COMMAND_EXIT_USAGE. */
int usage_reject(const struct command *command);

#endif
