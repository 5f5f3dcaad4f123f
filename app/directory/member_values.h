/* Member values: reads the values of a group's attribute `member`, with the members' GUIDs. */
#ifndef DIRECTORY_MEMBER_VALUES_H
#define DIRECTORY_MEMBER_VALUES_H

#include "base/error.h"

struct arena;
struct directory;

typedef void member_values_visitor(void *context, const char *guid, const char *dn);

/* Passes each value to the visitor, whether or not the service account can read the member.
 * ERR_NOT_FOUND if the group does not exist. */
struct error *member_values_read(struct directory *directory, struct arena *arena,
                                 const char *group_guid, member_values_visitor *visit,
                                 void *context) MUST_CHECK;

/* Finds the value with this objectGUID or DN. ERR_NOT_FOUND if the group has no such value,
 * ERR_AMBIGUOUS if the DN may be that of several members. */
struct error *member_values_find(struct directory *directory, struct arena *arena,
                                 const char *group_guid, const char *identifier,
                                 const char **guid_r, const char **dn_r) MUST_CHECK;

#endif
