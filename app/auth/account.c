/* See account.h. */
#include "auth/account.h"

#include "auth/account_keys.h"
#include "auth/password.h"
#include "auth/session.h"
#include "base/arena.h"
#include "base/fold.h"
#include "base/folded.h"
#include "base/number.h"
#include "base/random.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

/* --- checks ---------------------------------------------------------------------------------- */

enum fault_id account_check_password(const char *text, size_t length)
{
    (void)text;
    return length <= PASSWORD_BYTES_MAX ? FAULT_NONE : FAULT_PASSWORD_TOO_LONG;
}

enum fault_id account_check_email(const char *text, size_t length)
{
    const char *at = memchr(text, '@', length);
    bool fits = at && at > text && !strchr(at + 1, '@') && at + 1 < text + length && at[1] != '.' &&
                text[length - 1] != '.' && !strpbrk(text, "<>(),;:\\\"[]") &&
                !utf8_find_blank(text, length) && !fold_has_ascii_variant(text, length);
    return fits ? FAULT_NONE : FAULT_NOT_EMAIL;
}

/* --- accounts -------------------------------------------------------------------------------- */

static const char *copy_text(struct store_query *query, struct arena *arena, size_t column)
{
    const char *text = store_text(query, column, NULL);
    return text ? arena_string(arena, text) : NULL;
}

/* Reads the row of a query for one account; *account_r is NULL if there is none. */
static struct error *read_account(struct store_query *query, struct arena *arena,
                                  struct account **account_r)
{
    bool row;
    *account_r = NULL;
    struct error *error = store_next(query, &row);
    if (error || !row) {
        return error;
    }
    struct account *account = arena_alloc(arena, sizeof *account);
    account->id = store_integer(query, SQL_ACCOUNTS_BY_ID_ID);
    account->username = copy_text(query, arena, SQL_ACCOUNTS_BY_ID_USERNAME);
    account->email = copy_text(query, arena, SQL_ACCOUNTS_BY_ID_EMAIL);
    account->name = copy_text(query, arena, SQL_ACCOUNTS_BY_ID_NAME);
    account->password_hash = copy_text(query, arena, SQL_ACCOUNTS_BY_ID_PASSWORD_HASH);
    account->credentials_version = store_integer(query, SQL_ACCOUNTS_BY_ID_CREDENTIALS_VERSION);
    *account_r = account;
    return store_next(query, &row);
}

struct error *account_find(struct store *store, struct arena *arena, const char *name,
                           struct account **account_r)
{
    const char *key = fold_address(arena, name);
    struct store_query *query = store_query(
        store, arena, strchr(key, '@') ? SQL_ACCOUNTS_BY_EMAIL : SQL_ACCOUNTS_BY_USERNAME);
    store_bind_text(query, key);
    return read_account(query, arena, account_r);
}

struct error *account_get(struct store *store, struct arena *arena, int64_t id,
                          struct account **account_r)
{
    struct store_query *query = store_query(store, arena, SQL_ACCOUNTS_BY_ID);
    store_bind_integer(query, id);
    return read_account(query, arena, account_r);
}

struct error *account_highest_cost(struct store *store, struct arena *arena, int64_t *cost_r)
{
    struct store_query *query = store_query(store, arena, SQL_ACCOUNTS_HIGHEST_COST);
    bool row;
    struct error *error = store_next(query, &row);
    *cost_r = !error && row
                  ? strtol(store_text(query, SQL_ACCOUNTS_HIGHEST_COST_COST, NULL), NULL, DECIMAL)
                  : 0;
    return error || !row ? error : store_next(query, &row);
}

struct error *account_rehash(struct store *store, struct arena *arena,
                             const struct account *account, const char *hash)
{
    struct store_query *query = store_query(store, arena, SQL_ACCOUNTS_REHASH);
    store_bind_integer(query, account->id);
    store_bind_text(query, account->password_hash);
    store_bind_text(query, hash);
    return store_execute(query);
}

/* Converts the violation of a unique index into an error that names the field. If the address is
 * also the user name, the field is always "email": the engine may report either index. */
static struct error *convert_account_violation(struct arena *arena, struct error *error,
                                               const struct account *account)
{
    bool by_username = store_is_violation(error, "accounts_username_key");
    if (!by_username && !store_is_violation(error, "accounts_email_key")) {
        return error;
    }
    const char *field =
        by_username && strcmp(account->username, account->email) != 0 ? "username" : "email";
    return error_detail(error_new(arena, ERR_ALREADY_EXISTS, NULL), field, FAULT_TAKEN, NULL);
}

/* Executes an insertion and returns the new id. */
static struct error *read_inserted_id(struct store_query *query, int64_t *id_r)
{
    bool row;
    struct error *error = store_next(query, &row);
    if (!error) {
        *id_r = store_integer(query, STORE_ONLY_COLUMN);
        error = store_next(query, &row);
    }
    return error;
}

struct error *account_insert(struct store *store, struct arena *arena, struct account *account,
                             int64_t now_ms)
{
    struct store_query *query = store_query(store, arena, SQL_ACCOUNTS_INSERT);
    struct account_keys keys;
    account_keys_compute(
        arena, &(struct account_texts){account->username, account->email, account->name}, &keys);
    store_bind_text(query, account->username);
    store_bind_text(query, keys.username_key);
    store_bind_bytes(query, keys.username_sort_key, keys.username_sort_key_length);
    store_bind_text(query, account->email);
    store_bind_text(query, keys.email_key);
    store_bind_text(query, account->name);
    store_bind_text(query, account->password_hash);
    store_bind_integer(query, now_ms);
    if (account->verified_ms) {
        store_bind_integer(query, account->verified_ms);
    } else {
        store_bind_null(query);
    }
    store_bind_text(query, keys.folded);
    struct error *error = read_inserted_id(query, &account->id);
    return error ? convert_account_violation(arena, error, account) : NULL;
}

/* --- organizations --------------------------------------------------------------------------- */

struct error *account_insert_organization(struct store *store, struct arena *arena,
                                          struct organization *organization, int64_t owner_id,
                                          int64_t now_ms)
{
    struct store_query *query = store_query(store, arena, SQL_ORGANIZATIONS_INSERT);
    store_bind_text(query, organization->name);
    store_bind_text(query, organization->currency);
    store_bind_integer(query, now_ms);
    store_bind_text(query, folded_of_texts(arena, "name", organization->name, "currency",
                                           organization->currency));
    struct error *error = read_inserted_id(query, &organization->id);
    if (error) {
        return error;
    }
    query = store_query(store, arena, SQL_MEMBERS_INSERT);
    store_bind_integer(query, organization->id);
    store_bind_integer(query, owner_id);
    store_bind_text(query, principal_role_names[ROLE_OWNER]);
    store_bind_integer(query, now_ms);
    return store_execute(query);
}

/* --- addresses ------------------------------------------------------------------------------- */

struct error *account_verify_email(struct store *store, struct arena *arena, int64_t id,
                                   int64_t now_ms)
{
    struct store_query *query = store_query(store, arena, SQL_ACCOUNTS_VERIFY_EMAIL);
    store_bind_integer(query, id);
    store_bind_integer(query, now_ms);
    struct error *error = store_execute(query);
    return error || store_changes(query) ? error : error_new(arena, ERR_NOT_FOUND, NULL);
}

/* Computes the folded texts of an account again, after a change of its texts. */
static struct error *refold_account(struct store *store, struct arena *arena, int64_t id)
{
    struct account *account = NULL;
    struct account_keys keys;
    struct error *error = account_get(store, arena, id, &account);
    if (error || !account) {
        return error;
    }
    account_keys_compute(
        arena, &(struct account_texts){account->username, account->email, account->name}, &keys);
    struct store_query *query = store_query(store, arena, SQL_ACCOUNTS_SET_FOLDED);
    store_bind_integer(query, id);
    store_bind_text(query, keys.folded);
    return store_execute(query);
}

struct error *account_release_email(struct store *store, struct arena *arena, const char *email,
                                    int64_t now_ms, int64_t *released_r)
{
    enum { NAME_BYTES = 8 };
    char *name = arena_format(arena, "unproven-%s", random_hex(arena, NAME_BYTES));
    struct store_query *query = store_query(store, arena, SQL_ACCOUNTS_RELEASE_EMAIL);
    struct account_keys keys;
    bool row;
    *released_r = 0;
    account_keys_compute(arena, &(struct account_texts){name, email, NULL}, &keys);
    store_bind_text(query, keys.email_key);
    store_bind_text(query, name);
    store_bind_bytes(query, keys.username_sort_key, keys.username_sort_key_length);
    store_bind_integer(query, now_ms);
    struct error *error = store_next(query, &row);
    if (error || !row) {
        return error;
    }
    *released_r = store_integer(query, SQL_ACCOUNTS_RELEASE_EMAIL_ID);
    error = store_next(query, &row);
    if (!error) {
        error = refold_account(store, arena, *released_r);
    }
    int64_t ended = 0;
    return error ? error : session_end_account(store, arena, *released_r, now_ms, &ended);
}

/* --- the default organization ---------------------------------------------------------------- */

struct error *account_default_organization(struct store *store, struct arena *arena, int64_t id,
                                           int64_t *organization_r)
{
    struct store_query *query = store_query(store, arena, SQL_MEMBERS_DEFAULT_ORGANIZATION);
    bool row;
    store_bind_integer(query, id);
    struct error *error = store_next(query, &row);
    *organization_r =
        !error && row ? store_integer(query, SQL_MEMBERS_DEFAULT_ORGANIZATION_ORGANIZATION_ID) : 0;
    return error || !row ? error : store_next(query, &row);
}

/* Executes a statement that changes the default organization. *changed_r is true if it did. */
static struct error *change_default_organization(struct store *store, struct arena *arena,
                                                 enum sql_statement statement, int64_t id,
                                                 int64_t organization_id, bool *changed_r)
{
    struct store_query *query = store_query(store, arena, statement);
    store_bind_integer(query, id);
    store_bind_integer(query, organization_id);
    struct error *error = store_execute(query);
    *changed_r = !error && store_changes(query);
    return error;
}

struct error *account_set_default_organization(struct store *store, struct arena *arena, int64_t id,
                                               int64_t organization_id)
{
    bool changed;
    struct error *error = change_default_organization(
        store, arena, SQL_ACCOUNTS_SET_DEFAULT_ORGANIZATION, id, organization_id, &changed);
    return error || changed
               ? error
               : error_field(arena, "default_organization_id", FAULT_NO_SUCH_OBJECT, NULL);
}

struct error *account_init_default_organization(struct store *store, struct arena *arena,
                                                int64_t id, int64_t organization_id)
{
    bool changed;
    return change_default_organization(store, arena, SQL_ACCOUNTS_INIT_DEFAULT_ORGANIZATION, id,
                                       organization_id, &changed);
}

struct error *account_clear_default_organization(struct store *store, struct arena *arena,
                                                 int64_t id, int64_t organization_id)
{
    bool changed;
    return change_default_organization(store, arena, SQL_ACCOUNTS_CLEAR_DEFAULT_ORGANIZATION, id,
                                       organization_id, &changed);
}
