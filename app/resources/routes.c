/* The list of resources. */
#include "resources/resources.h"

/* clang-format off */
const struct route *const resource_routes[] = {
    health_routes,
    metrics_routes,
    auth_routes,
    accounts_routes,
    organizations_routes,
    contacts_routes,
    deals_routes,
    tasks_routes,
    activities_routes,
    analytics_routes,
    tokens_routes,
    files_routes,
    users_routes,
    groups_routes,
    ous_routes,
    containers_routes,
    NULL,
};
/* clang-format on */
