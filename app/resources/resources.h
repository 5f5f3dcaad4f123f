/*
 * Resources: one file each, with its handlers, its field maps and its table of routes. They never
 * include each other; what two of them share moves into a layer below. A new resource is one file
 * here and one row in routes.c.
 */
#ifndef RESOURCES_RESOURCES_H
#define RESOURCES_RESOURCES_H

#include "http/route.h"

struct config;
struct directory;

/* What a worker's handlers work with. */
struct app {
    const struct config *config;
    struct directory *directory;
};

/* Every table of routes; NULL after the last. */
extern const struct route *const resource_routes[];

extern const struct route auth_routes[];
extern const struct route health_routes[];
extern const struct route metrics_routes[];
extern const struct route users_routes[];

#endif
