/*
 * Command: describes and runs the commands of the command line. Each file of this folder contains
 * one command with its actions, options and help texts; commands.h lists them.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "base/config.h"
#include "base/error.h"

#include <stdbool.h>

struct arena;
struct command_call;
struct objects;
struct store;

enum {
    COMMAND_OPTIONS_MAX = 8, /* maximum number of options of one command */

    /* Exit status of an invalid command line. All others are EXIT_SUCCESS, EXIT_FAILURE and those
     * of <sysexits.h>. This one is 2 instead of EX_USAGE, because systemd/README.md documents
     * it, and existing units and scripts depend on it. */
    COMMAND_EXIT_USAGE = 2,
};

struct command_option {
    const char *name;     /* name without the dashes; NULL ends a list */
    const char *argument; /* placeholder for the help; NULL: the option takes no argument */
    const char *help;     /* lines are separated by line breaks */
};

/* One form of a command, such as `admin create EMAIL`. */
struct command_action {
    const char *name;      /* word after the command; NULL: the command has a single form */
    const char *arguments; /* placeholders for the help; NULL: no arguments */
    int arguments_min, arguments_max;
    const struct command_option *options;  /* NULL: none */
    const char *help;                      /* lines are separated by line breaks */
    bool audited;                          /* the audit log is opened before run() is called */
    int (*run)(struct command_call *call); /* returns the exit status; NULL ends a list */
};

/* Prerequisites of run(). Each value includes those above it. A command with prerequisites accepts
 * --env-file. */
enum command_needs {
    COMMAND_NEEDS_NOTHING,
    COMMAND_READS_SETTINGS, /* the settings may be invalid */
    COMMAND_NEEDS_SETTINGS, /* the settings are valid */
    COMMAND_NEEDS_STORE,    /* the store and the object storage are open */
    COMMAND_NEEDS_KEYS,     /* the text keys have this program's version: see store/keys.h */
};

struct command {
    const char *name;
    enum command_needs needs;
    const struct command_action *actions;
};

/* One call of a command. */
struct command_call {
    const struct command *const *commands; /* all commands; NULL ends the list */
    const struct command *command;
    const struct command_action *action;
    char **arguments; /* arguments after the action */
    int argument_count;
    const char *env_file;                    /* NULL: .env, if it exists */
    const char *values[COMMAND_OPTIONS_MAX]; /* values of the action's options; NULL: not given */

    /* Set by command_run(), as the command requires. */
    struct config config;
    bool settings_valid;
    struct arena *arena;
    struct store *store;
    struct objects *objects;
};

/* Prepares the prerequisites of the command, runs it, and returns the exit status. If the settings
 * are invalid, prints the faults and returns EX_CONFIG. */
int command_run(struct command_call *call);

/* Returns the argument of an option of the action, or "" for an option without an argument; NULL if
 * the option is not given. */
const char *command_option(const struct command_call *call, const char *name);

/* Prints an error to standard error and returns the exit status for it. */
int command_report_error(const struct command_call *call, const struct error *error);

#endif
