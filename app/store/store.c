/* Store: creates a store with the engine that DATABASE_URL names. Queries are in query.c, writes in
 * write.c. */
#include "store/store.h"

#include "base/config.h"
#include "store/compiled.h"
#include "store/engine.h"
#include "store/query.h"
#include "store/sqlite_file.h"

#include <stdlib.h>
#include <string.h>

static bool is_sqlite(const struct config *config)
{
    return !strncmp(config->database_url, "sqlite:", strlen("sqlite:"));
}

bool store_check(const struct config *config, struct buffer *faults)
{
    return is_sqlite(config) ? sqlite_file_check(config, faults) : postgres_check(config, faults);
}

struct store *store_new(const struct config *config, struct store_shared *shared)
{
    enum engine_id id = is_sqlite(config) ? ENGINE_SQLITE : ENGINE_POSTGRES;
    const struct engine *engine =
        id == ENGINE_SQLITE ? &store_engine_sqlite : &store_engine_postgres;
    struct store *store = engine->open(config, shared);
    store->engine = engine;
    store->id = id;
    store->config = config;
    store->shared = shared;
    return store;
}

void store_free(struct store **store)
{
    if (!*store) {
        return;
    }
    while ((*store)->queries) {
        store_end((*store)->queries);
    }
    for (size_t i = 0; i < COMPOSED_COUNT; i++) {
        free((*store)->composed[i].text);
    }
    (*store)->engine->close(*store);
    *store = NULL;
}
