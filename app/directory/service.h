/* Service: the account that Kontora binds as. */
#ifndef DIRECTORY_SERVICE_H
#define DIRECTORY_SERVICE_H

#include "base/error.h"

#include <stdbool.h>

struct arena;
struct directory;

/* Finds out whether the object is the service account. */
struct error *service_is(struct directory *directory, struct arena *arena, const char *guid,
                         bool *is_r) MUST_CHECK;

/* Finds out whether the service account is below `dn`; false if it is not known. Call service_is()
 * first: it finds the service account. */
struct error *service_within(struct directory *directory, struct arena *arena, const char *dn,
                             bool *within_r) MUST_CHECK;

/* Logs a warning, once, if the service account is a domain administrator. An error means that it
 * could not be looked up. */
struct error *service_warn(struct directory *directory, struct arena *arena) MUST_CHECK;

#endif
