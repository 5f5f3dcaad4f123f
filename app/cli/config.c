/* kontora config: prints the effective settings, or checks them. */
#include "base/config.h"

#include "cli/commands.h"
#include "directory/user_attributes.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

/* Compares the settings with the directory, and prints the faults. Returns false if there are any;
 * a directory that does not answer is only a warning. */
static bool fits_directory(const struct config *config)
{
    struct buffer faults = {0}, warnings = {0};
    bool matches = directory_verify_attributes(config, &faults, &warnings);
    fputs(warnings.length ? warnings.bytes : "", stderr);
    fputs(faults.length ? faults.bytes : "", stderr);
    buffer_free(&faults);
    buffer_free(&warnings);
    return matches;
}

static int run_config(struct command_call *call)
{
    bool valid = call->settings_valid;
    if (command_option(call, "check")) {
        valid = valid && fits_directory(&call->config);
    } else {
        struct buffer out = {0};
        config_print(&call->config, &out);
        fputs(out.bytes, stdout);
        buffer_free(&out);
    }
    return valid ? EXIT_SUCCESS : EX_CONFIG;
}

static const struct command_option options[] = {
    {"check", NULL, "print invalid settings only; the exit status is 0 if all are valid"},
    {.name = NULL},
};

static const struct command_action actions[] = {
    {
        .options = options,
        .help = "print the effective settings, secrets masked",
        .run = run_config,
    },
    {.run = NULL},
};

const struct command config_command = {"config", COMMAND_READS_SETTINGS, actions};
