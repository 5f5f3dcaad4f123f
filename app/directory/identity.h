/* Identity: who a person is, and whether the account may be used. */
#ifndef DIRECTORY_IDENTITY_H
#define DIRECTORY_IDENTITY_H

#include "base/error.h"

struct arena;
struct directory;
struct directory_identity;
struct raw_entry;

/* Reads the person with this objectGUID from the directory. `refusal_r` is NULL, or the reason why
 * the account cannot be used; the identity is then unset unless the account is locked. */
struct error *identity_read(struct directory *directory, struct arena *arena, const char *guid,
                            struct directory_identity *identity_r,
                            const char **refusal_r) MUST_CHECK;

/* Returns the reason why the account cannot be used, by its attributes; NULL: none. */
const char *identity_refusal(const struct raw_entry *raw);

#endif
