/* Generate: creates passwords that the directory accepts and that people can read aloud. */
#ifndef DIRECTORY_GENERATE_H
#define DIRECTORY_GENERATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct directory_policy;

/*
 * Returns a random password for an account. It has at least 16 characters, or as many as the policy
 * requires, and contains upper-case and lower-case letters, digits and symbols. It contains no
 * characters that look alike (0 and O; 1, l and I) and no name of the account (see
 * generate_contains_name()). `account_name` and `display_name` may be NULL.
 */
char *generate_password(struct arena *arena, const struct directory_policy *policy,
                        const char *account_name, const char *display_name)
    __attribute__((returns_nonnull));

/* True if the password contains the account name or a part of the display name, of three or more
 * characters, regardless of case: the directory's complexity rule forbids them. */
bool generate_contains_name(struct arena *arena, const char *password, const char *account_name,
                            const char *display_name);

#endif
