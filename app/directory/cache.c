/* Cache: holds the cached data of a directory as a list with one item for each kind. */
#include "directory/cache.h"

#include "base/arena.h"

#include <stdlib.h>

struct cache_item {
    struct cache_item *next;
    const struct cache_kind *kind;
    void *data; /* from malloc() */
};

void *cache_get(struct cache *cache, const struct cache_kind *kind)
{
    for (struct cache_item *item = cache->first; item; item = item->next) {
        if (item->kind == kind) {
            return item->data;
        }
    }
    struct cache_item *item = base_alloc(sizeof *item);
    *item = (struct cache_item){cache->first, kind, base_alloc(kind->size)};
    cache->first = item;
    return item->data;
}

void cache_clear_connection(struct cache *cache)
{
    for (struct cache_item *item = cache->first; item; item = item->next) {
        if (item->kind->of_connection) {
            item->kind->clear(item->data);
        }
    }
}

void cache_free(struct cache *cache)
{
    while (cache->first) {
        struct cache_item *item = cache->first;
        cache->first = item->next;
        item->kind->clear(item->data);
        free(item->data);
        free(item);
    }
}
