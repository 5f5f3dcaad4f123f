/*
 * Cache: the data that the files of this folder remember about a directory. Each file defines the
 * kind of its own data, which is allocated zeroed on first use and freed with the directory.
 */
#ifndef DIRECTORY_CACHE_H
#define DIRECTORY_CACHE_H

#include <stdbool.h>
#include <stddef.h>

/* One kind of data. Compared by its address. */
struct cache_kind {
    size_t size;
    void (*clear)(void *data); /* frees what the data points to and zeroes it */
    bool of_connection;        /* cleared when the connection ends */
};

struct cache_item;

struct cache {
    struct cache_item *first;
};

/* The data of the kind; its address stays the same until cache_free(). */
void *cache_get(struct cache *cache, const struct cache_kind *kind)
    __attribute__((returns_nonnull));

/* Clears the data of the connection. */
void cache_end_connection(struct cache *cache);

void cache_free(struct cache *cache);

#endif
