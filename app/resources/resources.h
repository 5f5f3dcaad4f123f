/*
 * Resources: each file has the field maps, the handlers and the table of routes of one resource.
 * The files never include each other; code that two of them share belongs in a lower layer. A new
 * resource is one file here and one row in routes.c.
 */
#ifndef RESOURCES_RESOURCES_H
#define RESOURCES_RESOURCES_H

#include "http/route.h"
#include "rest/app.h"

/* All resources; a row without routes ends the list. */
extern const struct resource resources[];

extern const struct route accounts_routes[];
extern const struct route activities_routes[];
extern const struct route analytics_routes[];
extern const struct route api_keys_routes[];
extern const struct route auth_routes[];
extern const struct route computers_routes[];
extern const struct route contacts_routes[];
extern const struct route containers_routes[];
extern const struct route deals_routes[];
extern const struct route delegations_routes[];
extern const struct route email_links_routes[];
extern const struct route files_routes[];
extern const struct route groups_routes[];
extern const struct route health_routes[];
extern const struct route invitations_routes[];
extern const struct route organizations_routes[];
extern const struct route metrics_routes[];
extern const struct route ous_routes[];
extern const struct route passwords_routes[];
extern const struct route tasks_routes[];
extern const struct route tokens_routes[];
extern const struct route tree_routes[];
extern const struct route user_access_routes[];
extern const struct route user_groups_routes[];
extern const struct route user_photos_routes[];
extern const struct route users_routes[];

#endif
