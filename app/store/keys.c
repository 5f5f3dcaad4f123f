/* See keys.h. */
#include "store/keys.h"

#include "base/arena.h"
#include "store/engine.h"
#include "store/shared.h"
#include "store/store.h"

#include <string.h>

void store_require_keys(struct store *store, const char *version)
{
    store->keys_version = version;
}

/* Reads the version of the keys; *version_r is NULL while they are being rebuilt. */
static struct error *read_keys_version(struct store *store, struct arena *arena,
                                       const char **version_r)
{
    struct store_query *query = store_query(store, arena, SQL_TEXT_KEYS_GET);
    bool row;
    *version_r = NULL;
    struct error *error = store_next(query, &row);
    if (error || !row) {
        return error;
    }
    if (store_is_null(query, SQL_TEXT_KEYS_GET_TARGET)) {
        *version_r = arena_string(arena, store_text(query, SQL_TEXT_KEYS_GET_VERSION, NULL));
    }
    return store_next(query, &row);
}

struct error *store_keys_compare(struct store *store, struct arena *arena, const char *version,
                                 const struct error *failure)
{
    store->keys_differ = failure || !version || strcmp(version, store->keys_version) != 0;
    if (failure) { /* the table does not exist */
        return error_new(arena, ERR_DATABASE_UNAVAILABLE, "%s",
                         "the version of the text keys is unknown: run kontora migrate up");
    }
    if (!version) {
        return error_new(arena, ERR_DATABASE_UNAVAILABLE, "%s",
                         "the text keys are being rebuilt: run kontora migrate up if the rebuild "
                         "was interrupted");
    }
    return store->keys_differ
               ? error_new(arena, ERR_DATABASE_UNAVAILABLE,
                           "the text keys have version \"%s\", but this program needs \"%s\": "
                           "install the same version of ICU on all hosts, or stop them and run "
                           "kontora migrate up",
                           version, store->keys_version)
               : NULL;
}

struct error *store_keys_check(struct store *store, struct arena *arena)
{
    const char *version;
    if (!store->keys_version) {
        return NULL;
    }
    struct error *error = read_keys_version(store, arena, &version);
    return error && error->id == ERR_DATABASE_UNAVAILABLE
               ? error
               : store_keys_compare(store, arena, version, error);
}

bool store_keys_differ(const struct store *store)
{
    return store->keys_differ;
}

struct error *store_keys_watch(struct store *store, struct arena *arena)
{
    struct error *error = store_keys_check(store, arena);
    atomic_store(&store->shared->keys_differ, store->keys_differ);
    return error;
}
