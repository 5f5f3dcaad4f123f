/*
 * Login: verifies a name and a password, of whatever kind the principal is.
 *
 * The local administrator's name comes first. A name that the directory resolves is tried in the
 * directory alone, once. All others are names of accounts, and so are all names while the directory
 * is down. A name that the directory resolves cannot become an account's: its holder could not log
 * in to it, and would be taken for somebody else.
 *
 * Neither an answer nor its time tells which of these a name is.
 */
#ifndef REST_LOGIN_H
#define REST_LOGIN_H

#include "auth/principal.h"
#include "auth/throttle.h"
#include "base/error.h"
#include "directory/directory.h"

struct request;

/* A person of the directory as a principal. */
struct principal *login_principal(struct arena *arena, const struct directory_identity *identity);

/* A throttle of attempts to prove the password of a principal, which are counted together with
 * the logins. */
struct error *login_begin_throttle(struct request *request, const char *principal_id,
                                   struct throttle *throttle_r) MUST_CHECK;

/* ERR_INVALID_CREDENTIALS; ERR_TOO_MANY_ATTEMPTS. The request's subject becomes the name, or a mark
 * in its place if it is nobody's. The throttle is for auth_open(). */
struct error *login_verify(struct request *request, const char *name, const char *password,
                           struct throttle *throttle_r,
                           const struct principal **principal_r) MUST_CHECK;

/* ERR_ALREADY_EXISTS about the field if people of the directory log in and one of them has the
 * name. While the directory is down nobody can tell: ERR_DIRECTORY_UNAVAILABLE. */
struct error *login_check_name_free(struct directory *directory, const struct config *config,
                                    struct arena *arena, const char *field,
                                    const char *name) MUST_CHECK;

#endif
