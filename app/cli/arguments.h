/* Arguments: parses the command line. */
#ifndef CLI_ARGUMENTS_H
#define CLI_ARGUMENTS_H

#include "cli/command.h"

/* Sets the action, arguments and options of a call from argv. call->command must be set, and
 * argv[0] is its name. Options may precede or follow arguments. If the command line is invalid,
 * prints the reason and the usage, and returns false. */
bool arguments_parse(struct command_call *call, int argc, char **argv);

#endif
