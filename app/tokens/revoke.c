/* See revoke.h. */
#include "tokens/revoke.h"

#include "base/arena.h"
#include "tokens/format.h"

struct deletion {
    struct arena *arena;
    enum sql_statement statement;
    const char *key, *token; /* token: NULL if `id` selects the row */
    int64_t id;
    struct tokens_deleted *deleted;
};

/* Reads the row of tokens_revoke or of tokens_delete, which have the same columns. */
static struct tokens_deleted read_deleted_token(struct store_query *query, struct arena *arena)
{
    const char *purpose = store_text(query, SQL_TOKENS_REVOKE_PURPOSE, NULL);
    bool limited = !store_is_null(query, SQL_TOKENS_REVOKE_MAX_USES);
    return (struct tokens_deleted){
        .id = store_integer(query, SQL_TOKENS_REVOKE_ID),
        .purpose = purpose ? arena_string(arena, purpose) : NULL,
        .max_uses = limited ? store_integer(query, SQL_TOKENS_REVOKE_MAX_USES) : 0,
        .expires_ms = store_integer(query, SQL_TOKENS_REVOKE_EXPIRES_AT),
    };
}

static struct error *delete_row(struct store *store, void *context)
{
    const struct deletion *deletion = context;
    struct store_query *query = store_query(store, deletion->arena, deletion->statement);
    if (deletion->token) {
        tokens_format_bind_digest(query, deletion->arena, deletion->key, deletion->token);
    } else {
        store_bind_integer(query, deletion->id);
    }
    bool row;
    struct error *error = store_next(query, &row);
    *deletion->deleted =
        row ? read_deleted_token(query, deletion->arena) : (struct tokens_deleted){0};
    return error ? error : store_execute(query);
}

struct error *tokens_revoke(struct store *store, struct arena *arena, const char *key,
                            const char *token, struct tokens_deleted *deleted_r)
{
    struct deletion deletion = {arena, SQL_TOKENS_REVOKE, key, token, 0, deleted_r};
    *deleted_r = (struct tokens_deleted){0};
    return tokens_format_matches(token)
               ? store_write_unserialized(store, arena, delete_row, &deletion)
               : NULL;
}

struct error *tokens_revoke_id(struct store *store, struct arena *arena, int64_t id,
                               struct tokens_deleted *deleted_r)
{
    struct deletion deletion = {arena, SQL_TOKENS_DELETE, NULL, NULL, id, deleted_r};
    return store_write_unserialized(store, arena, delete_row, &deletion);
}
