/*
 * Contact keys: the columns of a contact that are computed from its other columns, for sorting,
 * filtering and searching. Their values depend on fold_version().
 */
#ifndef REST_CONTACT_KEYS_H
#define REST_CONTACT_KEYS_H

#include <stddef.h>

struct arena;

/* The columns that the keys are computed from; NULL: the column is null. */
struct contact_texts {
    const char *name, *email, *phone, *company;
};

struct contact_keys {
    const unsigned char *name_sort_key; /* fold_sort_key() of the name */
    size_t name_sort_key_length;
    /* fold_address() of the address; NULL if there is none. The column email_unique_key has the
     * same value, or null if the caller allowed a duplicate. */
    const char *email_key;
    const char *search_text; /* see rest/search.h; never NULL */
};

/* Computes all keys of a contact. The keys are allocated in the arena. */
void contact_keys_compute(struct arena *arena, const struct contact_texts *texts,
                          struct contact_keys *keys_r);

#endif
