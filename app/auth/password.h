/* Password: comparison of secrets in constant time, and hashes of crypt(5). */
#ifndef AUTH_PASSWORD_H
#define AUTH_PASSWORD_H

#include <stdbool.h>

/* Whether two texts are the same, in a time that depends on neither's content. */
bool secret_equal(const char *one, const char *other);

/* Whether `password` is the one that is stored: as a hash of crypt(5) if that starts with '$'
 * ("$2b$…" is bcrypt), else as it is. */
bool password_verify(const char *stored, const char *password);

/* Whether passwords can be verified against what is stored: it is plain, or a whole hash. */
bool password_hash_usable(const char *stored);

#endif
