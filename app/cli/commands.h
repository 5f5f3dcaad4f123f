/*
 * Commands: what an administrator does from the command line, also while the service runs: to the
 * database its schema, the first accounts, a purge, a recount, a check of the files; and the
 * OpenAPI document. main reads the command line and the settings.
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include <stdbool.h>

struct config;

/* Exit statuses beside EXIT_SUCCESS and EXIT_FAILURE; the others are those of sysexits.h. */
enum {
    EXIT_WRONG = 1, /* counters or files that were not repaired */
    EXIT_USAGE = 2,
    EXIT_DATA = 65,          /* what was given does not fit, or is taken */
    EXIT_NO_ACCOUNT = 67,    /* nobody has this name */
    EXIT_UNAVAILABLE = 69,   /* the database, or the storage */
    EXIT_CONFIGURATION = 78, /* the settings */
};

struct arguments {
    const char *env_file;            /* NULL: .env, if there is one */
    const char *name, *organization; /* of a new account; NULL: not given */
    const char *language;            /* "ru" or "en"; NULL: the default one */
    const char *subject;             /* whose sessions to end; NULL: not given */
    bool check, repair, all;
    char **words; /* what follows the command, beside options */
    int word_count;
};

/* Each prints what came of it and returns the exit status. The configuration is without fault. */
int command_migrate(const struct config *config, const struct arguments *arguments);
int command_admin(const struct config *config, const struct arguments *arguments);
int command_recount(const struct config *config, const struct arguments *arguments);
int command_files(const struct config *config, const struct arguments *arguments);
int command_sessions(const struct config *config, const struct arguments *arguments);
int command_purge(const struct config *config, const struct arguments *arguments);

/* Prints the OpenAPI document. */
int command_openapi(const struct config *config, const struct arguments *arguments);

#endif
