/*
 * Login: verifies a name and a password, for all kinds of principals.
 *
 * The name is tried in this order. First, it is compared with the local administrator's name.
 * Second, a name that the directory resolves is verified by the directory alone, once. All other
 * names are those of accounts; so are all names while the directory is unavailable. An account
 * cannot get a name that the directory resolves: its owner could not log in, and would be taken for
 * another person.
 *
 * Neither the response nor its time reveals the kind of a name, nor that it exists.
 */
#ifndef REST_LOGIN_H
#define REST_LOGIN_H

#include "auth/principal.h"
#include "auth/throttle.h"
#include "base/error.h"
#include "directory/directory.h"

struct request;

/* Returns the principal of a directory user. */
struct principal *login_principal(struct arena *arena, const struct directory_identity *identity);

/* Begins a throttle for attempts to verify a principal's password outside of a login. Failures
 * count like those of logins. */
struct error *login_begin_throttle(struct request *request, const char *principal_id,
                                   struct throttle *throttle_r) MUST_CHECK;

/* Verifies name and password. ERR_INVALID_CREDENTIALS if one of them is wrong,
 * ERR_TOO_MANY_ATTEMPTS if the throttle rejects the attempt. Sets the request's subject to the
 * name, or to a placeholder if the name does not exist. Sets *throttle_r for auth_begin_session().
 */
struct error *login_verify(struct request *request, const char *name, const char *password,
                           struct throttle *throttle_r,
                           const struct principal **principal_r) MUST_CHECK;

/* Checks that no directory user has the name. ERR_ALREADY_EXISTS, with the field in its details, if
 * directory users may log in and the directory resolves the name. ERR_DIRECTORY_UNAVAILABLE if the
 * directory cannot be asked. */
struct error *login_check_name_free(struct directory *directory, const struct config *config,
                                    struct arena *arena, const char *field,
                                    const char *name) MUST_CHECK;

#endif
