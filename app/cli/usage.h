/* Usage: prints the help of `kontora help`, and the usage of a command after an invalid command
 * line. */
#ifndef CLI_USAGE_H
#define CLI_USAGE_H

#include "cli/command.h"

#include <stdio.h>

/* The option --env-file, which every command that reads settings accepts. */
extern const struct command_option usage_env_file;

/* Prints all commands with their options and help texts. NULL ends the list. */
void usage_print(FILE *out, const struct command *const *commands);

/* Prints the usage of the command to standard error. Returns COMMAND_EXIT_USAGE. */
int usage_print_command(const struct command *command);

#endif
