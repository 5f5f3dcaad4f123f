/* The list of resources. */
#include "resources/resources.h"

const struct route *const resource_routes[] = {
    health_routes, metrics_routes, auth_routes, users_routes, NULL,
};
