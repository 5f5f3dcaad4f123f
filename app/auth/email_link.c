/* See email_link.h. */
#include "auth/email_link.h"

#include "auth/digest.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/fold.h"
#include "base/folded.h"
#include "base/random.h"

#include <string.h>

enum { TOKEN_BYTES = 32 };

static const int64_t lifetime_ms = INT64_C(7) * MS_PER_DAY;

struct issue {
    struct arena *arena;
    int64_t now_ms;
    struct email_link *link;
};

static struct error *insert_link(struct store *store, void *context)
{
    const struct issue *issue = context;
    struct arena *arena = issue->arena;
    struct email_link *link = issue->link;
    struct store_query *query = store_query(store, arena, SQL_EMAIL_LINKS_INSERT);
    bool row;
    store_bind_text(query, link->email);
    store_bind_text(query, fold_address(arena, link->email));
    store_bind_bytes(query, digest_sha256(arena, link->token, strlen(link->token)), DIGEST_SIZE);
    store_bind_integer(query, issue->now_ms);
    store_bind_integer(query, link->expires_ms);
    store_bind_text(query, folded_of_texts(arena, "email", link->email));
    struct error *error = store_next(query, &row);
    if (!error) {
        link->id = store_integer(query, SQL_EMAIL_LINKS_INSERT_ID);
        error = store_next(query, &row);
    }
    return error;
}

struct error *email_link_issue(struct store *store, struct arena *arena, int64_t now_ms,
                               struct email_link *link)
{
    struct issue issue = {arena, now_ms, link};
    link->token = random_hex(arena, TOKEN_BYTES);
    link->expires_ms = now_ms + lifetime_ms;
    return store_write(store, arena, insert_link, &issue);
}

/* Returns a query whose parameters are the token, the address and the time. */
static struct store_query *bind_link_query(struct store *store, struct arena *arena,
                                           enum sql_statement statement, const char *token,
                                           const char *email, int64_t now_ms)
{
    struct store_query *query = store_query(store, arena, statement);
    store_bind_bytes(query, digest_sha256(arena, token, strlen(token)), DIGEST_SIZE);
    store_bind_text(query, fold_address(arena, email));
    store_bind_integer(query, now_ms);
    return query;
}

struct error *email_link_check(struct store *store, struct arena *arena, const char *token,
                               const char *email, int64_t now_ms, bool *valid_r)
{
    struct store_query *query =
        bind_link_query(store, arena, SQL_EMAIL_LINKS_FIND, token, email, now_ms);
    struct error *error = store_next(query, valid_r);
    *valid_r = *valid_r && !error;
    store_end(query);
    return error;
}

struct error *email_link_use(struct store *store, struct arena *arena, const char *token,
                             const char *email, int64_t now_ms)
{
    struct store_query *query =
        bind_link_query(store, arena, SQL_EMAIL_LINKS_USE, token, email, now_ms);
    struct error *error = store_execute(query);
    if (!error && !store_changes(query)) {
        error = error_new(arena, ERR_LINK_INVALID, "no such link for this address");
    }
    return error;
}
