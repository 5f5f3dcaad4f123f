/* Reference: finds an object that a value of a request refers to. */
#ifndef DIRECTORY_REFERENCE_H
#define DIRECTORY_REFERENCE_H

#include "base/error.h"

struct arena;
struct directory;

/* Finds an object of any class that the field of a request refers to, by its objectGUID or DN.
 * ERR_VALIDATION for the field if there is none below the base DN. */
struct error *reference_find(struct directory *directory, struct arena *arena, const char *text,
                             const char *field, const char **dn_r) MUST_CHECK;

#endif
