/* The dependencies of handlers. Each worker has one instance, which service/ initializes. */
#ifndef REST_APP_H
#define REST_APP_H

#include "base/config.h"

struct directory;
struct objects;
struct store;

struct app {
    const struct config *config;
    struct directory *directory;
    struct store *store;
    struct objects *objects;
    enum pool_id pool; /* of the worker */
};

#endif
