/* kontora sessions: lists and ends live sessions. */
#include "auth/session.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/fold.h"
#include "base/random.h"
#include "cli/change.h"
#include "cli/commands.h"
#include "cli/terminal.h"
#include "cli/usage.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Prints one line with columns separated by tabs: id, subject, user name, time of login, time of
 * the last login or refresh, time of expiry, address, device. */
static void print_session(struct arena *arena, const struct store_query *query)
{
    static const size_t times[] = {SQL_SESSIONS_LIST_CREATED_AT, SQL_SESSIONS_LIST_LAST_SEEN_AT,
                                   SQL_SESSIONS_LIST_EXPIRES_AT};
    size_t length;
    char id[RANDOM_ID_SIZE];
    const unsigned char *bytes = store_bytes(query, SQL_SESSIONS_LIST_ID, &length);
    random_format_hex(bytes, length, id);
    printf("%s\t%s\t%s", id,
           terminal_column(arena, store_text(query, SQL_SESSIONS_LIST_SUBJECT, NULL)),
           terminal_column(arena, store_text(query, SQL_SESSIONS_LIST_USERNAME, NULL)));
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        char text[CLOCK_TEXT_SIZE];
        printf("\t%s", clock_format(store_integer(query, times[i]), text));
    }
    printf("\t%s\t%s\n", terminal_column(arena, store_text(query, SQL_SESSIONS_LIST_ADDRESS, NULL)),
           terminal_column(arena, store_text(query, SQL_SESSIONS_LIST_DEVICE, NULL)));
}

static int run_sessions_list(struct command_call *call)
{
    const char *name = call->argument_count ? call->arguments[0] : "";
    struct store_query *query = store_query(call->store, call->arena, SQL_SESSIONS_LIST);
    bool row;
    store_bind_integer(query, clock_wall_ms());
    store_bind_text(query, name);
    store_bind_text(query, fold_address(call->arena, name));
    struct error *error = store_next(query, &row);
    while (!error && row) {
        struct arena *arena = arena_new();
        print_session(arena, query);
        arena_free(&arena);
        error = store_next(query, &row);
    }
    return error ? command_report_error(call, error) : EXIT_SUCCESS;
}

/* The sessions to end: one by its id, all of a subject, or all if both are NULL. */
struct selection {
    struct arena *arena;
    const char *id, *subject;
    int64_t ended;
};

static struct error *end_selected(struct store *store, void *context)
{
    struct selection *selection = context;
    struct arena *arena = selection->arena;
    int64_t now = clock_wall_ms();
    selection->ended = 0;
    if (selection->id) {
        return session_end(store, arena, selection->id, now, &selection->ended);
    }
    if (selection->subject) {
        return session_end_by_name(store, arena, selection->subject, now, &selection->ended);
    }
    return session_end_all(store, arena, now, &selection->ended);
}

static int run_sessions_end(struct command_call *call)
{
    struct selection selection = {
        .arena = call->arena,
        .id = call->argument_count ? call->arguments[0] : NULL,
        .subject = command_option(call, "subject"),
    };
    bool all = command_option(call, "all");
    if ((selection.id != NULL) + (selection.subject != NULL) + all != 1) {
        return usage_print_command(call->command);
    }
    const char *name = selection.id ? selection.id : selection.subject;
    const struct change change = {"end_sessions", "session", all ? "*" : name};
    struct error *error = store_write(call->store, call->arena, end_selected, &selection);
    if (!error && !selection.ended && !all) {
        error = error_new(call->arena, ERR_NOT_FOUND, "no live session of %s", name);
    }
    int status = change_commit(call, &change, error);
    if (status == EXIT_SUCCESS) {
        printf("%" PRId64 " ended\n", selection.ended);
    }
    return status;
}

static const struct command_option end_options[] = {
    {"subject", "NAME", "end all sessions of a user or subject"},
    {"all", NULL, "end all sessions"},
    {.name = NULL},
};

static const struct command_action actions[] = {
    {
        .name = "list",
        .arguments = "[NAME]",
        .arguments_max = 1,
        .help = "print live sessions: all, or those of one user or subject",
        .run = run_sessions_list,
    },
    {
        .name = "end",
        .arguments = "[ID]",
        .arguments_max = 1,
        .options = end_options,
        .help = "end one session, or the sessions that an option selects",
        .audited = true,
        .run = run_sessions_end,
    },
    {.run = NULL},
};

const struct command sessions_command = {"sessions", COMMAND_NEEDS_KEYS, actions};
