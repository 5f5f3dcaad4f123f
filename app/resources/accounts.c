/* Accounts: lists and creates accounts. A new account has no password until `kontora admin
 * password` sets one. */
#include "rest/accounts.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/fold.h"
#include "http/reply.h"
#include "resources/resources.h"
#include "rest/lists.h"
#include "rest/login.h"

#include <inttypes.h>
#include <string.h>

/* --- field maps ------------------------------------------------------------------------------ */

/* Rejects '@', because a login would take such a name for an email address, and variants of ASCII,
 * because the directory could take such a name for that of another user. */
static enum fault_id check_username(const char *text, size_t length)
{
    bool fits = !memchr(text, '@', length) && !fold_has_ascii_variant(text, length);
    return fits ? FAULT_NONE : FAULT_NOT_USERNAME;
}

static const struct field account_fields[] = {
    ACCOUNT_ID("id"),
    ACCOUNT_USERNAME(0, NULL),
    ACCOUNT_EMAIL(FIELD_NULLABLE),
    {.name = NULL},
};

static const struct field create_fields[] = {
    ACCOUNT_USERNAME(FIELD_REQUIRED, check_username),
    ACCOUNT_EMAIL(FIELD_REQUIRED),
    {.name = NULL},
};

static const struct field list_query[] = {
    LIST_SHORT_QUERY_FIELDS(LIMIT_MAX),
    {.name = NULL},
};

static const struct list_key account_keys[] = {
    {"id", "a.id", SQL_ACCOUNTS_LIST_ID, FIELD_INTEGER, LIST_SORT},
    {"username", "a.username_sort_key", SQL_ACCOUNTS_LIST_USERNAME_SORT_KEY, FIELD_STRING,
     LIST_SORT | LIST_SORT_KEY},
    {.name = NULL},
};

static const struct list account_list = {
    .alias = "a",
    .rows = SQL_ACCOUNTS_LIST,
    .count = SQL_ACCOUNTS_COUNT,
    .fields = account_fields,
    .keys = account_keys,
    .id = "a.id",
    .id_index = SQL_ACCOUNTS_LIST_ID,
};

static const struct schema account_schema = {"Account", account_fields};
static const struct schema create_schema = {"AccountCreate", create_fields};

/* --- handlers -------------------------------------------------------------------------------- */

static struct error *list_accounts(struct request *request, struct reply *reply)
{
    return list_reply(request, reply, &account_list, NULL, 0);
}

struct creation {
    struct arena *arena;
    struct account account;
};

static struct error *insert_new_account(struct store *store, void *context)
{
    struct creation *creation = context;
    return account_insert(store, creation->arena, &creation->account, clock_wall_ms());
}

/* Returns ERR_ALREADY_EXISTS if the directory resolves the user name or the address. */
static struct error *check_account_names_free(struct request *request, const char *username,
                                              const char *email)
{
    const struct app *app = request->app;
    struct error *error =
        login_check_name_free(app->directory, app->config, request->arena, "username", username);
    return error
               ? error
               : login_check_name_free(app->directory, app->config, request->arena, "email", email);
}

/* Marks the address as verified if the administrator creates the account. With ANONYMOUS_ACCESS,
 * anonymous callers may create accounts too, whose addresses stay unverified. */
static struct error *create_account(struct request *request, struct reply *reply)
{
    const char *username = request_body_string(request, "username");
    struct creation creation = {
        .arena = request->arena,
        .account = {.username = username,
                    .email = request_body_string(request, "email"),
                    .name = username,
                    .verified_ms = request->principal ? clock_wall_ms() : 0},
    };
    request->subject = username;
    struct error *error = check_account_names_free(request, username, creation.account.email);
    if (!error) {
        error = store_write(app_of(request)->store, request->arena, insert_new_account, &creation);
    }
    if (error) {
        return error;
    }
    struct value *record =
        arena_array(request->arena, fields_count(account_fields), sizeof *record);
    field_set_integer(fields_get(account_fields, record, "id"), creation.account.id);
    field_set_string(fields_get(account_fields, record, "username"), username);
    field_set_string(fields_get(account_fields, record, "email"), creation.account.email);
    reply_created(request, reply, request->route->pattern,
                  arena_format(request->arena, "%" PRId64, creation.account.id));
    reply_record(reply, record);
    return NULL;
}

/* --- routes ---------------------------------------------------------------------------------- */

static const enum error_id list_errors[] = {ERR_DATABASE_UNAVAILABLE, ERR_COUNT};
static const enum error_id create_errors[] = {ERR_ALREADY_EXISTS, ERR_DIRECTORY_UNAVAILABLE,
                                              ERR_DIRECTORY_CREDENTIALS, ERR_DATABASE_UNAVAILABLE,
                                              ERR_COUNT};

const struct route accounts_routes[] = {
    {.method = METHOD_GET,
     .pattern = "/api/v1/accounts",
     .handler = list_accounts,
     .permission = PERMIT_ACCOUNTS,
     .scope = SCOPE_ACCOUNTS_READ,
     .pool = POOL_CORE,
     .summary = {"Получить список учётных записей", "List the accounts"},
     .query = list_query,
     .shape = REPLY_ARRAY,
     .reply = &account_schema,
     .errors = list_errors},
    {.method = METHOD_POST,
     .pattern = "/api/v1/accounts",
     .handler = create_account,
     .permission = PERMIT_ACCOUNTS,
     .scope = SCOPE_ACCOUNTS_WRITE,
     .pool = POOL_CORE,
     .summary = {"Создать учётную запись", "Create an account"},
     .body = &create_schema,
     .shape = REPLY_RECORD,
     .reply = &account_schema,
     .creates = true,
     .errors = create_errors,
     .action = "create_account",
     .resource_type = "account"},
    {.pattern = NULL},
};
