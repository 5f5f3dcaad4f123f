/* See issue.h. */
#include "tokens/issue.h"

#include "base/folded.h"
#include "tokens/format.h"

struct insertion {
    struct arena *arena;
    const char *key, *token;
    const struct tokens_terms *terms;
};

static struct error *insert_token(struct store *store, void *context)
{
    const struct insertion *insertion = context;
    const struct tokens_terms *terms = insertion->terms;
    struct store_query *query = store_query(store, insertion->arena, SQL_TOKENS_INSERT);
    tokens_format_bind_digest(query, insertion->arena, insertion->key, insertion->token);
    store_bind_text(query, terms->purpose);
    if (terms->max_uses) {
        store_bind_integer(query, terms->max_uses);
    } else {
        store_bind_null(query);
    }
    store_bind_integer(query, terms->now_ms);
    store_bind_integer(query, terms->expires_ms);
    store_bind_text(query, folded_of_texts(insertion->arena, "purpose", terms->purpose));
    return store_execute(query);
}

struct error *tokens_issue(struct store *store, struct arena *arena, const char *key,
                           const struct tokens_terms *terms, const char **token_r)
{
    struct insertion insertion = {arena, key, tokens_format_generate(arena, terms->now_ms), terms};
    *token_r = insertion.token;
    return store_write_unserialized(store, arena, insert_token, &insertion);
}
