/* See activities.h. */
#include "rest/activities.h"

#include "base/arena.h"
#include "base/folded.h"

static const char automatic_type[] = "NOTE";

void activities_add_deltas(struct arena *arena, const char *type, const struct value *author_id,
                           struct counter_deltas *deltas)
{
    counter_deltas_add(deltas, "activities", 1);
    counter_deltas_add(deltas, arena_format(arena, ACTIVITIES_BY_TYPE "%s", type), 1);
    counter_deltas_add_id(deltas, arena, ACTIVITIES_BY_AUTHOR, author_id);
}

static void bind_optional_id(struct store_query *query, const struct value *value)
{
    if (value->state == VALUE_SET) {
        store_bind_integer(query, value->integer);
    } else {
        store_bind_null(query);
    }
}

struct error *activities_insert_status_change(struct record_change *deal, const char *old_status,
                                              const char *new_status)
{
    struct arena *arena = deal->request->arena;
    const struct principal *principal = deal->request->principal;
    const struct value author = {.state = VALUE_SET, .integer = principal->account_id};
    struct counter_deltas none = {.count = 0}, deltas = {.count = 0};
    const char *subject = arena_format(arena, "%s → %s", old_status, new_status);
    struct store_query *query = store_query(deal->store, arena, SQL_ACTIVITIES_INSERT);
    store_bind_integer(query, principal->organization_id);
    store_bind_integer(query, deal->now);
    store_bind_text(query, automatic_type);
    store_bind_text(query, subject);
    store_bind_null(query); /* the column `description` */
    bind_optional_id(query, record_value(deal, "contact_id"));
    bind_optional_id(query, record_value(deal, "id"));
    store_bind_integer(query, principal->account_id);
    store_bind_integer(query, deal->now);
    store_bind_integer(query, true);
    store_bind_text(query, old_status);
    store_bind_text(query, new_status);
    store_bind_text(query, folded_of_texts(arena, "subject", subject, "old_status", old_status,
                                           "new_status", new_status));
    struct error *error = store_execute(query);
    if (error) {
        return error;
    }
    activities_add_deltas(arena, automatic_type, &author, &deltas);
    return counters_update(deal->store, arena, principal->organization_id, &none, &deltas);
}
