/*
 * Password strength: rejects new passwords that are common or easy to guess, with cracklib and its
 * dictionary, which Debian installs in /var/cache/cracklib. The only user of cracklib.
 *
 * For passwords in the directory, the password policy of the domain applies instead.
 */
#ifndef AUTH_PASSWORD_STRENGTH_H
#define AUTH_PASSWORD_STRENGTH_H

#include "base/error.h"

#include <stdbool.h>

struct arena;

/* A new password, its field in the request, and the names of its owner, which it must not contain;
 * NULL if the owner has no such name. */
struct new_password {
    const char *field, *text;
    const char *username, *email;
};

/* True if cracklib's dictionary can be read. Otherwise sets `errno`; cracklib must not be called
 * then, because it would end the process. */
bool password_strength_dictionary_readable(void);

/* Returns the path of the dictionary's files, without their suffixes. */
const char *password_strength_dictionary_path(void);

/* Returns the reason why the password is too easy to guess; FAULT_NONE if it is not. Without the
 * dictionary, checks only for the owner's names. */
enum fault_id password_strength_check(struct arena *arena, const struct new_password *password);

#endif
