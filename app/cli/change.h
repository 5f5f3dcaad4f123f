/* Change: commits the changes of a command and writes the line in the audit log. */
#ifndef CLI_CHANGE_H
#define CLI_CHANGE_H

#include "cli/command.h"

/* Describes a change for the audit log. */
struct change {
    const char *action;        /* such as "create_account" */
    const char *resource_type; /* such as "account" */
    const char *subject;
};

/* Commits the changes of the command and writes the audit line. Prints `error`, or the error of the
 * commit, and returns the exit status. The action must have `audited` set. */
int change_commit(const struct command_call *call, const struct change *change,
                  struct error *error);

#endif
