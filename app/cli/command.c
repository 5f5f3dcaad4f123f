/* See command.h. */
#include "cli/command.h"

#include "auth/auth.h"
#include "base/arena.h"
#include "base/fold.h"
#include "base/log.h"
#include "http/audit.h"
#include "http/problem.h"
#include "objects/objects.h"
#include "service/settings.h"
#include "store/keys.h"
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* --- settings -------------------------------------------------------------------------------- */

/* Prints each line with the priority prefix of systemd's journal. */
static void print_with_priority(enum log_level level, const struct buffer *lines)
{
    const char *text = lines->length ? lines->bytes : "";
    const char *priority = log_journal_priority(level);
    for (; *text; text += *text == '\n') {
        size_t length = strcspn(text, "\n");
        fprintf(stderr, "%s%.*s\n", priority, (int)length, text);
        text += length;
    }
}

static void load_settings(struct command_call *call)
{
    struct buffer faults = {0}, warnings = {0};
    bool loaded = config_load(&call->config, call->env_file, &faults, &warnings);
    call->settings_valid = settings_check(&call->config, &faults) && loaded;
    auth_warn(&call->config, &warnings);
    print_with_priority(LOG_LEVEL_WARNING, &warnings);
    print_with_priority(LOG_LEVEL_ERROR, &faults);
    buffer_free(&faults);
    buffer_free(&warnings);
}

/* --- running a command ----------------------------------------------------------------------- */

static int run_action(struct command_call *call)
{
    const char *path = call->config.audit_log_path;
    if (call->action->audited && !audit_open(path)) {
        fprintf(stderr, "AUDIT_LOG_PATH: cannot open %s: %s\n", path, strerror(errno));
        return EX_CONFIG;
    }
    return call->action->run(call);
}

/* Checks that the text keys have this program's version, now and in each later session. */
static struct error *require_keys(const struct command_call *call)
{
    store_require_keys(call->store, fold_version());
    return store_keys_check(call->store, call->arena);
}

/* Runs an action with the store and the object storage open. If the action leaves a transaction
 * open, store_free() rolls it back. */
static int run_with_store(struct command_call *call)
{
    call->arena = arena_new();
    call->store = store_new(&call->config, NULL);
    const struct error *error = objects_open(&call->config, call->arena, &call->objects);
    int status = EX_CONFIG;
    if (!error) {
        error = call->command->needs == COMMAND_NEEDS_KEYS ? require_keys(call) : NULL;
        status = error ? command_report_error(call, error) : run_action(call);
    }
    objects_close(&call->objects);
    store_free(&call->store);
    arena_free(&call->arena);
    return status;
}

int command_run(struct command_call *call)
{
    enum command_needs needs = call->command->needs;
    int status = EX_CONFIG;
    if (needs == COMMAND_NEEDS_NOTHING) {
        return call->action->run(call);
    }
    load_settings(call);
    if (needs == COMMAND_READS_SETTINGS || call->settings_valid) {
        status = needs >= COMMAND_NEEDS_STORE ? run_with_store(call) : run_action(call);
    }
    config_free(&call->config);
    return status;
}

const char *command_option(const struct command_call *call, const char *name)
{
    const struct command_option *options = call->action->options;
    for (size_t i = 0; options && options[i].name; i++) {
        if (!strcmp(options[i].name, name)) {
            return call->values[i];
        }
    }
    abort(); /* programming error: the action has no such option */
}

/* --- errors ---------------------------------------------------------------------------------- */

static int choose_exit_status(const struct error *error)
{
    switch (error->id) {
    case ERR_VALIDATION:
    case ERR_ALREADY_EXISTS:
        return EX_DATAERR;
    case ERR_NOT_FOUND:
        return EX_NOUSER;
    case ERR_DATABASE_UNAVAILABLE:
    case ERR_STORAGE_UNAVAILABLE:
    case ERR_STORAGE_FULL:
        return EX_UNAVAILABLE;
    default:
        return EXIT_FAILURE;
    }
}

int command_report_error(const struct command_call *call, const struct error *error)
{
    struct buffer text = {.arena = call->arena};
    for (const struct error_detail *detail = error->details; detail; detail = detail->next) {
        buffer_format(&text, "%s: ", detail->field);
        problem_format_fault(detail, LANGUAGE_EN, &text);
        buffer_add_char(&text, '\n');
    }
    if (!text.length) {
        buffer_format(&text, "%s%s%s\n", problem_message(error->id, LANGUAGE_EN),
                      error->cause ? ": " : "", error->cause ? error->cause : "");
    }
    fprintf(stderr, "%s", text.bytes);
    return choose_exit_status(error);
}
