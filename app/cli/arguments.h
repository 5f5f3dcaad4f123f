/* Arguments: parses the command line of a command. */
#ifndef CLI_ARGUMENTS_H
#define CLI_ARGUMENTS_H

#include "cli/command.h"

/* Sets the action, arguments and options of a call from argv; call->command is set, and argv[0] is
 * its name. Options may stand before and after arguments. If the command does not take them, prints
 * the reason and how to call it, and returns false. */
bool arguments_parse(struct command_call *call, int argc, char **argv);

#endif
