/* Identity: who a person is, and whether the account may be used. */
#ifndef DIRECTORY_IDENTITY_H
#define DIRECTORY_IDENTITY_H

#include "base/error.h"

struct arena;
struct directory;
struct directory_identity;
struct raw_entry;

/* Who has this objectGUID, as the directory knows it now. `refusal_r` is NULL, or says why the
 * account may not be used; there is no identity then. */
struct error *identity_read(struct directory *directory, struct arena *arena, const char *guid,
                            struct directory_identity *identity_r,
                            const char **refusal_r) MUST_CHECK;

/* What the attributes of an account say against its use; NULL: nothing. */
const char *identity_refusal(const struct raw_entry *raw);

#endif
