/* App: what the handlers of a worker work with. service/ makes it and fills it in. */
#ifndef COLLECTION_APP_H
#define COLLECTION_APP_H

#include "base/config.h"

struct directory;
struct objects;
struct store;

struct app {
    const struct config *config;
    struct directory *directory;
    struct store *store;
    struct objects *objects;
    enum pool_id pool; /* pool of the worker */
};

#endif
