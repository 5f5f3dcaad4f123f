/*
 * Password strength: refuses new passwords that are common or easy to guess, by cracklib and its
 * dictionary, which Debian keeps in /var/cache/cracklib. The only user of cracklib.
 *
 * Passwords that are set in the directory are judged by the domain's own policy instead.
 */
#ifndef AUTH_PASSWORD_STRENGTH_H
#define AUTH_PASSWORD_STRENGTH_H

#include "base/error.h"

#include <stdbool.h>

struct arena;

/* A new password: its field in the request, and the names of its owner, which it must not contain.
 * An owner without an address or name has NULL there. */
struct new_password {
    const char *field, *text;
    const char *username, *email;
};

/* True if cracklib's dictionary can be read; else `errno` tells why, and cracklib must not be
 * called: it ends the process. */
bool password_dictionary_readable(void);

/* The path of the dictionary's files, without their endings. */
const char *password_dictionary_path(void);

/* FAULT_NONE, or why the password is too easy to guess. Without the dictionary, only the owner's
 * names are looked for. */
enum fault_id password_weakness(struct arena *arena, const struct new_password *password);

#endif
