/* Commands: declares all commands. Each is defined in the file with its name, and main.c lists
 * them. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/command.h"

extern const struct command admin_command;
extern const struct command config_command;
extern const struct command files_command;
extern const struct command help_command;
extern const struct command migrate_command;
extern const struct command openapi_command;
extern const struct command purge_command;
extern const struct command recount_command;
extern const struct command serve_command;
extern const struct command sessions_command;
extern const struct command version_command;

#endif
