/* Change: the end of a command that changes data, with its line in the audit log. */
#ifndef CLI_CHANGE_H
#define CLI_CHANGE_H

#include "cli/command.h"

/* The object of a change, for the audit log. */
struct change {
    const char *action;        /* "create_account" */
    const char *resource_type; /* "account" */
    const char *subject;
};

/* Commits what the command wrote, and writes the audit line. Prints `error`, or that of the commit,
 * and returns the exit status. The action of the command is audited. */
int change_finish(const struct command_call *call, const struct change *change,
                  struct error *error);

#endif
