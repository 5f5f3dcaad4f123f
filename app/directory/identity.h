/* Identity: reads the names and rights of a user, and whether the account may be used. */
#ifndef DIRECTORY_IDENTITY_H
#define DIRECTORY_IDENTITY_H

#include "base/error.h"

struct arena;
struct directory;
struct directory_identity;
struct raw_entry;

/* Reads the user with this objectGUID. Sets *refusal_r to the reason why the account cannot be
 * used, or to NULL. With a reason the identity is unset, unless the reason is a lockout. */
struct error *identity_read(struct directory *directory, struct arena *arena, const char *guid,
                            struct directory_identity *identity_r,
                            const char **refusal_r) MUST_CHECK;

/* Returns the SID of LDAP_ADMIN_GROUP; NULL if the setting is empty or has no effect. */
struct error *identity_administrators(struct directory *directory, struct arena *arena,
                                      const char **sid_r) MUST_CHECK;

/* Returns the reason why the account cannot be used, from its attributes; NULL if it can. */
const char *identity_refusal(const struct raw_entry *raw);

#endif
