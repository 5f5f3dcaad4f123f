/* See account_keys.h. */
#include "auth/account_keys.h"

#include "base/fold.h"
#include "base/folded.h"

void account_keys_compute(struct arena *arena, const struct account_texts *texts,
                          struct account_keys *keys_r)
{
    keys_r->username_key = fold_address(arena, texts->username);
    keys_r->email_key = fold_address(arena, texts->email);
    keys_r->username_sort_key_length =
        fold_sort_key(arena, texts->username, &keys_r->username_sort_key);
    keys_r->folded = folded_of_texts(arena, "username", texts->username, "email", texts->email,
                                     "name", texts->name);
}
