/* See account_keys.h. */
#include "auth/account_keys.h"

#include "base/fold.h"

void account_keys_compute(struct arena *arena, const char *username, const char *email,
                          struct account_keys *keys_r)
{
    keys_r->username_key = fold_address(arena, username);
    keys_r->email_key = fold_address(arena, email);
    keys_r->username_sort_key_length = fold_sort_key(arena, username, &keys_r->username_sort_key);
}
