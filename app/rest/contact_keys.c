/* See contact_keys.h. */
#include "rest/contact_keys.h"

#include "base/fold.h"
#include "rest/search.h"

static const char *compute_search_text(struct arena *arena, const struct contact_texts *texts)
{
    struct buffer text = {.arena = arena};
    search_add(&text, texts->name);
    search_add(&text, texts->email);
    search_add(&text, texts->phone);
    search_add(&text, texts->company);
    /* The column is never null, even if no field has any words. */
    return text.bytes ? text.bytes : "";
}

void contact_keys_compute(struct arena *arena, const struct contact_texts *texts,
                          struct contact_keys *keys_r)
{
    keys_r->name_sort_key_length = fold_sort_key(arena, texts->name, &keys_r->name_sort_key);
    keys_r->email_key = fold_address(arena, texts->email);
    keys_r->search_text = compute_search_text(arena, texts);
}
