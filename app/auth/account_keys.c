/* See account_keys.h. */
#include "auth/account_keys.h"

#include "base/fold.h"
#include "base/utf8.h"

void account_keys_compute(struct arena *arena, const char *username, const char *email,
                          struct account_keys *keys_r)
{
    keys_r->username_key = utf8_fold_text(arena, username);
    keys_r->email_key = utf8_fold_text(arena, email);
    keys_r->username_sort_key_length = fold_sort_key(arena, username, &keys_r->username_sort_key);
}
