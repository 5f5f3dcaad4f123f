/*
 * Cache: data that the files of this folder cache in a struct directory. Each file defines a
 * struct cache_kind for its own data, which is allocated zeroed on first use and freed with the
 * directory.
 */
#ifndef DIRECTORY_CACHE_H
#define DIRECTORY_CACHE_H

#include <stdbool.h>
#include <stddef.h>

/* One kind of data. Kinds are compared by address. */
struct cache_kind {
    size_t size;
    void (*clear)(void *data); /* frees what the data points to and zeroes it */
    bool of_connection;        /* the data is cleared when the connection ends */
};

struct cache_item;

struct cache {
    struct cache_item *first;
};

/* Returns the data of the kind; its address stays valid until cache_free(). */
void *cache_get(struct cache *cache, const struct cache_kind *kind)
    __attribute__((returns_nonnull));

/* Clears all data of kinds with `of_connection`. */
void cache_clear_connection(struct cache *cache);

void cache_free(struct cache *cache);

#endif
