/* See revoke.h. */
#include "tokens/revoke.h"

#include "tokens/format.h"

struct deletion {
    struct arena *arena;
    enum sql_statement statement;
    const char *key, *token; /* token: NULL if `id` selects the row */
    int64_t id, deleted_id;  /* deleted_id: 0 if the token was not found */
};

static struct error *delete_row(struct store *store, void *context)
{
    struct deletion *deletion = context;
    struct store_query *query = store_query(store, deletion->arena, deletion->statement);
    if (deletion->token) {
        tokens_format_bind_digest(query, deletion->arena, deletion->key, deletion->token);
    } else {
        store_bind_integer(query, deletion->id);
    }
    bool row;
    struct error *error = store_next(query, &row);
    deletion->deleted_id = row ? store_integer(query, STORE_ONLY_COLUMN) : 0;
    return error ? error : store_execute(query);
}

struct error *tokens_revoke(struct store *store, struct arena *arena, const char *key,
                            const char *token, int64_t *id_r)
{
    struct deletion deletion = {arena, SQL_TOKENS_REVOKE, key, token, 0, 0};
    *id_r = 0;
    if (!tokens_format_matches(token)) {
        return NULL;
    }
    struct error *error = store_write_unserialized(store, arena, delete_row, &deletion);
    *id_r = deletion.deleted_id;
    return error;
}

struct error *tokens_revoke_id(struct store *store, struct arena *arena, int64_t id, bool *found_r)
{
    struct deletion deletion = {arena, SQL_TOKENS_DELETE, NULL, NULL, id, 0};
    struct error *error = store_write_unserialized(store, arena, delete_row, &deletion);
    *found_r = deletion.deleted_id != 0;
    return error;
}
