/* Account keys: the columns of an account that are computed from its texts, for finding, filtering
 * and sorting accounts. Their values depend on fold_version(). */
#ifndef AUTH_ACCOUNT_KEYS_H
#define AUTH_ACCOUNT_KEYS_H

#include <stddef.h>

struct arena;

struct account_keys {
    const char *username_key; /* unique */
    const char *email_key;    /* unique; NULL if there is no address */
    const unsigned char *username_sort_key;
    size_t username_sort_key_length;
    const char *folded; /* see base/folded.h */
};

struct account_texts {
    const char *username, *email, *name; /* email: NULL if there is no address */
};

/* Computes all keys of an account. The keys are allocated in the arena. */
void account_keys_compute(struct arena *arena, const struct account_texts *texts,
                          struct account_keys *keys_r);

#endif
