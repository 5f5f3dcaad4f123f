/* kontora admin: creates accounts, sets their passwords, and confirms their addresses. */
#include "auth/account.h"
#include "auth/auth.h"
#include "auth/email_link.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/jsonw.h"
#include "base/utf8.h"
#include "cli/change.h"
#include "cli/commands.h"
#include "cli/terminal.h"
#include "directory/directory.h"
#include "http/fields.h"
#include "rest/accounts.h"
#include "rest/login.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* --- validation ------------------------------------------------------------------------------ */

/* The limits are those of POST /auth/register. */
static const struct field account_fields[] = {
    ACCOUNT_EMAIL(FIELD_REQUIRED),
    ACCOUNT_PASSWORD("password", ACCOUNT_PASSWORD_MIN, "Пароль", "The password"),
    ACCOUNT_NAME(0),
    ORGANIZATION_NAME("organization", 0),
    {.name = NULL},
};

static const struct field password_fields[] = {
    ACCOUNT_PASSWORD("password", ACCOUNT_PASSWORD_MIN, "Пароль", "The password"),
    {.name = NULL},
};

static const struct field address_fields[] = {ACCOUNT_EMAIL(FIELD_REQUIRED), {.name = NULL}};

/* Validates one value for each field, like the body of a request, and replaces it by the validated
 * value, which may be trimmed. NULL: the value is absent. */
static struct error *validate_values(struct arena *arena, const struct field *fields,
                                     const char **given)
{
    struct buffer text = {.arena = arena};
    struct jsonw json = {.out = &text};
    struct value *values;
    jsonw_open_object(&json, NULL);
    for (size_t i = 0; fields[i].name; i++) {
        if (given[i] && !utf8_valid(given[i], strlen(given[i]))) {
            return error_field(arena, fields[i].name, FAULT_INVALID_UTF8, NULL);
        }
        if (given[i]) {
            jsonw_string(&json, fields[i].name, given[i]);
        }
    }
    jsonw_close_object(&json);
    struct error *error = fields_read_json(arena, fields, text.bytes, text.length, &values);
    for (size_t i = 0; !error && fields[i].name; i++) {
        given[i] = given[i] ? values[i].string.bytes : NULL;
    }
    return error;
}

/* --- create ---------------------------------------------------------------------------------- */

/* The values of a new account, in the order of account_fields. */
enum { EMAIL, PASSWORD, NAME, ORGANIZATION, VALUES };

static struct error *insert_account(const struct command_call *call, const char **given,
                                    struct auth_registration *registration)
{
    struct error *error = validate_values(call->arena, account_fields, given);
    if (error) {
        return error;
    }
    const char *email = given[EMAIL];
    const char *name = given[NAME] ? given[NAME] : email;
    const struct new_password new = {
        .field = "password", .text = given[PASSWORD], .username = email, .email = email};
    *registration = (struct auth_registration){
        .account = {.username = email,
                    .email = email,
                    .name = name,
                    .verified_ms = clock_wall_ms()}, /* the administrator has verified it */
        .organization = {.name = given[ORGANIZATION] ? given[ORGANIZATION] : name,
                         .currency = ORGANIZATION_CURRENCY},
    };
    /* A directory user with this name would log in instead of the account. */
    struct directory *directory = directory_new(&call->config);
    error = login_check_name_free(directory, &call->config, call->arena, "email", email);
    directory_free(&directory);
    if (!error) {
        error = auth_hash_password(&call->config, call->arena, &new,
                                   &registration->account.password_hash);
    }
    return error ? error : auth_add_account(call->store, call->arena, registration);
}

static int run_admin_create(struct command_call *call)
{
    const char *given[VALUES] = {
        [EMAIL] = call->arguments[0],
        [PASSWORD] = terminal_read_password(call->arena),
        [NAME] = command_option(call, "name"),
        [ORGANIZATION] = command_option(call, "organization"),
    };
    struct auth_registration registration = {0};
    if (!given[PASSWORD]) {
        return EX_DATAERR;
    }
    struct error *error = insert_account(call, given, &registration);
    const struct change change = {"create_account", "account", given[EMAIL]};
    int status = change_commit(call, &change, error);
    if (status == EXIT_SUCCESS) {
        printf("account %" PRId64 ", organization %" PRId64 "\n", registration.account.id,
               registration.organization.id);
    }
    return status;
}

/* --- password, invite, confirm --------------------------------------------------------------- */

static struct error *require_account(const struct command_call *call, const char *name,
                                     struct account **account_r)
{
    struct error *error = account_find(call->store, call->arena, name, account_r);
    if (!error && !*account_r) {
        return error_new(call->arena, ERR_NOT_FOUND, "no account %s", name);
    }
    return error;
}

static int run_admin_password(struct command_call *call)
{
    const char *name = call->arguments[0];
    const struct change change = {"change_password", "account", name};
    struct account *account = NULL;
    struct error *error = require_account(call, name, &account);
    const char *password = error ? NULL : terminal_read_password(call->arena);
    if (!error && !password) {
        return EX_DATAERR;
    }
    if (!error) {
        error = validate_values(call->arena, password_fields, &password);
    }
    if (!error) {
        const struct new_password new = {.field = "password",
                                         .text = password,
                                         .username = account->username,
                                         .email = account->email};
        error = auth_change_password(&call->config, call->store, call->arena,
                                     principal_of_account(call->arena, account->id), &new);
    }
    return change_commit(call, &change, error);
}

/* Issues a one-use link and prints its token. The token is never logged. */
static int run_admin_invite(struct command_call *call)
{
    const char *email = call->arguments[0];
    struct account *account = NULL;
    char time[CLOCK_TEXT_SIZE];
    struct error *error = validate_values(call->arena, address_fields, &email);
    const struct change change = {"issue_email_link", "account", email};
    struct email_link link = {.email = email};
    if (!error) {
        error = account_find(call->store, call->arena, email, &account);
    }
    if (!error) {
        error = email_link_issue(call->store, call->arena, clock_wall_ms(), &link);
    }
    int status = change_commit(call, &change, error);
    if (status == EXIT_SUCCESS) {
        printf("token %s\nexpires %s\n", link.token, clock_format(link.expires_ms, time));
        if (account) {
            fputs("an account with this address exists: its holder can verify the address with\n"
                  "POST /auth/verify-email; until then, a registration with this link takes over "
                  "the address\n",
                  stderr);
        }
    }
    return status;
}

struct confirmation {
    struct arena *arena;
    int64_t id;
};

static struct error *write_confirmation(struct store *store, void *context)
{
    const struct confirmation *confirmation = context;
    return account_verify_email(store, confirmation->arena, confirmation->id, clock_wall_ms());
}

static int run_admin_confirm(struct command_call *call)
{
    const char *email = call->arguments[0];
    const struct change change = {"confirm_email", "account", email};
    struct confirmation confirmation = {.arena = call->arena};
    struct account *account = NULL;
    struct error *error = require_account(call, email, &account);
    if (!error) {
        confirmation.id = account->id;
        error = store_write(call->store, call->arena, write_confirmation, &confirmation);
    }
    return change_commit(call, &change, error);
}

/* --- list ------------------------------------------------------------------------------------ */

/* Prints one line with columns separated by tabs: id, user name and email of the account; for a
 * member of an organization also its id, its name and the member's role. */
static void print_account(struct arena *arena, const struct store_query *query)
{
    printf(
        "%" PRId64 "\t%s\t%s", store_integer(query, SQL_ACCOUNTS_WITH_ORGANIZATIONS_ID),
        terminal_column(arena, store_text(query, SQL_ACCOUNTS_WITH_ORGANIZATIONS_USERNAME, NULL)),
        terminal_column(arena, store_text(query, SQL_ACCOUNTS_WITH_ORGANIZATIONS_EMAIL, NULL)));
    if (!store_is_null(query, SQL_ACCOUNTS_WITH_ORGANIZATIONS_ORGANIZATION_ID)) {
        printf(
            "\t%" PRId64 "\t%s\t%s",
            store_integer(query, SQL_ACCOUNTS_WITH_ORGANIZATIONS_ORGANIZATION_ID),
            terminal_column(
                arena, store_text(query, SQL_ACCOUNTS_WITH_ORGANIZATIONS_ORGANIZATION_NAME, NULL)),
            store_text(query, SQL_ACCOUNTS_WITH_ORGANIZATIONS_ROLE, NULL));
    }
    putchar('\n');
}

/* Prints one line for each membership of each account. */
static int run_admin_list(struct command_call *call)
{
    struct store_query *query =
        store_query(call->store, call->arena, SQL_ACCOUNTS_WITH_ORGANIZATIONS);
    bool row;
    struct error *error = store_next(query, &row);
    while (!error && row) {
        struct arena *arena = arena_new();
        print_account(arena, query);
        arena_free(&arena);
        error = store_next(query, &row);
    }
    return error ? command_report_error(call, error) : EXIT_SUCCESS;
}

/* --- actions and their options --------------------------------------------------------------- */

static const struct command_option create_options[] = {
    {"name", "NAME", "name of the account holder (default: EMAIL)"},
    {"organization", "NAME", "name of the organization (default: name of the holder)"},
    {.name = NULL},
};

static const struct command_action actions[] = {
    {
        .name = "create",
        .arguments = "EMAIL",
        .arguments_min = 1,
        .arguments_max = 1,
        .options = create_options,
        .help = "create an account and its organization; the password is read from\n"
                "standard input",
        .audited = true,
        .run = run_admin_create,
    },
    {
        .name = "password",
        .arguments = "EMAIL",
        .arguments_min = 1,
        .arguments_max = 1,
        .help = "set the password, which is read from standard input, and end all sessions\n"
                "of the account",
        .audited = true,
        .run = run_admin_password,
    },
    {
        .name = "invite",
        .arguments = "EMAIL",
        .arguments_min = 1,
        .arguments_max = 1,
        .help = "print a one-use token with which the holder of the address registers, or\n"
                "verifies the address of an existing account",
        .audited = true,
        .run = run_admin_invite,
    },
    {
        .name = "confirm",
        .arguments = "EMAIL",
        .arguments_min = 1,
        .arguments_max = 1,
        .help = "confirm the address of an existing account",
        .audited = true,
        .run = run_admin_confirm,
    },
    {
        .name = "list",
        .help = "print all accounts with their organizations and roles",
        .run = run_admin_list,
    },
    {.run = NULL},
};

const struct command admin_command = {"admin", COMMAND_NEEDS_KEYS, actions};
