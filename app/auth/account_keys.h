/* Account keys: the columns of an account that are computed from its user name and its email
 * address, for finding and sorting accounts. Their values depend on fold_version(). */
#ifndef AUTH_ACCOUNT_KEYS_H
#define AUTH_ACCOUNT_KEYS_H

#include <stddef.h>

struct arena;

struct account_keys {
    const char *username_key; /* unique */
    const char *email_key;    /* unique; NULL if there is no address */
    const unsigned char *username_sort_key;
    size_t username_sort_key_length;
};

/* Computes all keys of an account. `email` is NULL if there is no address. The keys are allocated
 * in the arena. */
void account_keys_compute(struct arena *arena, const char *username, const char *email,
                          struct account_keys *keys_r);

#endif
