/* See account.h. */
#include "auth/account.h"

#include "auth/password.h"
#include "base/arena.h"
#include "base/utf8.h"

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
                text[length - 1] != '.' && !strpbrk(text, " \t\r\n<>(),;:\\\"[]");
    return fits ? FAULT_NONE : FAULT_NOT_EMAIL;
}

/* --- accounts -------------------------------------------------------------------------------- */

/* The row of a query for one account, NULL if there is none. */
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
    account->id = store_integer(query, 0);
    const char **texts[] = {&account->username, &account->email, &account->name,
                            &account->password_hash};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *text = store_text(query, i + 1, NULL);
        *texts[i] = text ? arena_string(arena, text) : NULL;
    }
    account->credentials_version = store_integer(query, 5);
    *account_r = account;
    return store_next(query, &row);
}

struct error *account_find(struct store *store, struct arena *arena, const char *name,
                           struct account **account_r)
{
    struct store_query *query = store_query(
        store, arena, strchr(name, '@') ? SQL_ACCOUNTS_BY_EMAIL : SQL_ACCOUNTS_BY_USERNAME);
    store_bind_text(query, utf8_fold_text(arena, name));
    return read_account(query, arena, account_r);
}

struct error *account_get(struct store *store, struct arena *arena, int64_t id,
                          struct account **account_r)
{
    struct store_query *query = store_query(store, arena, SQL_ACCOUNTS_BY_ID);
    store_bind_integer(query, id);
    return read_account(query, arena, account_r);
}

/* What the client is told of a violated constraint. Who has chosen an address alone is told of that,
 * whichever of the two the engine looked at first. */
static struct error *taken(struct arena *arena, struct error *error, const struct account *account)
{
    bool by_username = store_violated(error, "accounts_username_key");
    if (!by_username && !store_violated(error, "accounts_email_key")) {
        return error;
    }
    const char *field =
        by_username && strcmp(account->username, account->email) != 0 ? "username" : "email";
    return error_detail(error_new(arena, ERR_ALREADY_EXISTS, NULL), field, FAULT_TAKEN, NULL);
}

/* The id that an insertion returns. */
static struct error *read_id(struct store_query *query, int64_t *id_r)
{
    bool row;
    struct error *error = store_next(query, &row);
    if (!error) {
        *id_r = store_integer(query, 0);
        error = store_next(query, &row);
    }
    return error;
}

struct error *account_insert(struct store *store, struct arena *arena, struct account *account,
                             int64_t now_ms)
{
    struct store_query *query = store_query(store, arena, SQL_ACCOUNTS_INSERT);
    store_bind_text(query, account->username);
    store_bind_text(query, utf8_fold_text(arena, account->username));
    store_bind_text(query, account->email);
    store_bind_text(query, utf8_fold_text(arena, account->email));
    store_bind_text(query, account->name);
    store_bind_text(query, account->password_hash);
    store_bind_integer(query, now_ms);
    struct error *error = read_id(query, &account->id);
    return error ? taken(arena, error, account) : NULL;
}

/* --- organizations --------------------------------------------------------------------------- */

struct error *organization_insert(struct store *store, struct arena *arena,
                                  struct organization *organization, int64_t owner_id,
                                  int64_t now_ms)
{
    struct store_query *query = store_query(store, arena, SQL_ORGANIZATIONS_INSERT);
    store_bind_text(query, organization->name);
    store_bind_text(query, organization->currency);
    store_bind_integer(query, now_ms);
    struct error *error = read_id(query, &organization->id);
    if (error) {
        return error;
    }
    query = store_query(store, arena, SQL_MEMBERS_INSERT);
    store_bind_integer(query, organization->id);
    store_bind_integer(query, owner_id);
    store_bind_text(query, role_names[ROLE_OWNER]);
    store_bind_integer(query, now_ms);
    return store_execute(query);
}

struct error *account_first_organization(struct store *store, struct arena *arena, int64_t id,
                                         int64_t *organization_r)
{
    struct store_query *query = store_query(store, arena, SQL_MEMBERS_FIRST_ORGANIZATION);
    bool row;
    store_bind_integer(query, id);
    struct error *error = store_next(query, &row);
    *organization_r = !error && row ? store_integer(query, 0) : 0;
    return error || !row ? error : store_next(query, &row);
}
