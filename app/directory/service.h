/* Service: the service account (LDAP_BIND_DN) that Kontora binds as. */
#ifndef DIRECTORY_SERVICE_H
#define DIRECTORY_SERVICE_H

#include "base/error.h"

#include <stdbool.h>

struct arena;
struct directory;

/* Sets *is_r to true if the object with this objectGUID is the service account. */
struct error *service_is_account(struct directory *directory, struct arena *arena, const char *guid,
                                 bool *is_r) MUST_CHECK;

/* Sets *within_r to true if the service account is below `dn`. Call service_is_account() first,
 * which finds the service account; otherwise the result is false. */
struct error *service_is_within(struct directory *directory, struct arena *arena, const char *dn,
                                bool *within_r) MUST_CHECK;

/* Logs a warning, once, if the service account is a domain administrator. Returns an error if the
 * account cannot be looked up. */
struct error *service_warn_if_administrator(struct directory *directory,
                                            struct arena *arena) MUST_CHECK;

#endif
