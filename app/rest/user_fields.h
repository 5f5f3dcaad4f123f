/*
 * User fields: the class of the users of the directory and their field maps, which several
 * resources share. The setting DIRECTORY_USER_ATTRIBUTES adds fields to the maps.
 */
#ifndef REST_USER_FIELDS_H
#define REST_USER_FIELDS_H

#include "base/buffer.h"
#include "directory/directory.h"
#include "http/request.h"
#include "http/route.h"

#include <stdbool.h>

struct config;

extern const struct directory_class user_fields_class;

/* A user in replies, and the bodies that create and change one. */
extern const struct schema user_fields_schema;
extern const struct schema user_fields_create_schema;
extern const struct schema user_fields_update_schema;

/* Appends a line to `faults` for each attribute of DIRECTORY_USER_ATTRIBUTES that is invalid by
 * itself or that the maps already have. Returns false if there is one. Does not contact the
 * directory. */
bool user_fields_check(const struct config *config, struct buffer *faults) MUST_CHECK;

/* Adds the fields of DIRECTORY_USER_ATTRIBUTES to the maps, in place of those that an earlier call
 * added. Each process that uses the maps calls it. The configuration must outlive their use. */
void user_fields_configure(const struct config *config);

/* Compares the fields of DIRECTORY_USER_ATTRIBUTES with the schema of the directory, before the
 * first call that uses the directory; later calls are no-ops. Fields that do not fit the schema are
 * null from then on, and clients cannot write them, filter or sort by them. The comparison at the
 * start prevents that, unless the directory did not answer. Returns an error if it does not answer
 * now. */
struct error *user_fields_verify(struct request *request) MUST_CHECK;

/* Checks the manager, the workstations and the fields that do not fit the schema, in a body that
 * creates or changes a user. Replaces the
 * manager by its DN as the directory spells it. */
struct error *user_fields_resolve(struct request *request) MUST_CHECK;

/* Adds the changes that follow from the fields of such a body: the name and the number of the
 * country, and the flags of the account that are fields of their own. */
void user_fields_apply(struct request *request, struct directory_changes *changes);

#endif
