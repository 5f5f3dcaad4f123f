/* See contact_merge.h. */
#include "rest/contact_merge.h"

#include "base/arena.h"
#include "rest/rows.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Number of rows that one statement moves. It stays far below DATABASE_TIMEOUT_MS. */
enum { MOVED_AT_ONCE = 10000 };

static const char merged_into[] = "merged_into", no_ids[] = "[]";

static const struct field merge_fields[] = {
    RECORD_REFERENCE("into", FIELD_REQUIRED, "Контакт, с которым объединяется этот",
                     "The contact into which this one is merged"),
    {.name = NULL},
};

const struct schema contact_merge_schema = {"ContactMerge", merge_fields};

const enum error_id contact_merge_errors[] = {RECORD_ERRORS, ERR_TOO_MANY_REFERENCES, ERR_COUNT};

/* The fields that the target takes over if it lacks them. The unique key belongs to the email. */
static const char *const filled_fields[] = {"email", "phone",    "company", "position",
                                            "notes", "owner_id", NULL};

/* The rows that refer to a contact. */
static const struct contact_reference {
    const char *field; /* in the change set */
    enum sql_statement list, move;
} contact_references[] = {
    {"deals", SQL_MERGES_DEALS, SQL_MERGES_MOVE_DEALS},
    {"tasks", SQL_MERGES_TASKS, SQL_MERGES_MOVE_TASKS},
    {"activities", SQL_MERGES_ACTIVITIES, SQL_MERGES_MOVE_ACTIVITIES},
    {.field = NULL},
};

/* A list of ids in ascending order. */
struct id_list {
    int64_t *items;
    size_t count;
};

/* --- lists of ids ----------------------------------------------------------------------------- */

static int compare_ids(const void *one, const void *other)
{
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

/* Returns the ids from `first` to before `end` as a JSON array. */
static const char *format_ids(struct arena *arena, const struct id_list *ids, size_t first,
                              size_t end)
{
    struct buffer text = {.arena = arena};
    struct jsonw json = {.out = &text};
    jsonw_open_array(&json, NULL);
    for (size_t i = first; i < end; i++) {
        jsonw_integer(&json, NULL, ids->items[i]);
    }
    jsonw_close_array(&json);
    return text.bytes;
}

/* Parses a JSON array of ids that format_ids() has written. */
static struct id_list parse_ids(struct arena *arena, const char *text)
{
    size_t commas = 0;
    for (const char *at = text; *at; at++) {
        commas += *at == ',';
    }
    struct id_list ids = {arena_array(arena, commas + 1, sizeof(int64_t)), 0};
    for (const char *at = text + strcspn(text, "0123456789"); *at;
         at += strcspn(at, "0123456789")) {
        char *end;
        ids.items[ids.count++] = strtoll(at, &end, 10);
        at = end;
    }
    return ids;
}

/* Reads the ids of the rows of one kind that refer to the contact: at most `limit`. */
static struct error *read_references(const struct record_change *contact,
                                     const struct contact_reference *reference, int64_t limit,
                                     struct id_list *ids_r)
{
    struct arena *arena = contact->request->arena;
    struct store_query *query = store_query(contact->store, arena, reference->list);
    size_t capacity = 0;
    struct error *error;
    bool row;
    *ids_r = (struct id_list){0};
    store_bind_integer(query, app_principal(contact->request)->organization_id);
    store_bind_integer(query, record_value(contact, "id")->integer);
    store_bind_integer(query, limit);
    while (!(error = store_next(query, &row)) && row) {
        if (ids_r->count == capacity) {
            capacity = capacity ? 2 * capacity : 16;
            int64_t *items = arena_array(arena, capacity, sizeof *items);
            if (ids_r->count) {
                memcpy(items, ids_r->items, ids_r->count * sizeof *items);
            }
            ids_r->items = items;
        }
        ids_r->items[ids_r->count++] = store_integer(query, STORE_ONLY_COLUMN);
    }
    if (ids_r->count) {
        qsort(ids_r->items, ids_r->count, sizeof *ids_r->items, compare_ids);
    }
    return error;
}

/* Moves the rows from one contact to the other, a part of them at a time. *moved_r is the number of
 * rows that referred to `from`. */
static struct error *move_references(const struct record_change *contact,
                                     const struct contact_reference *reference,
                                     const struct id_list *ids, int64_t from, int64_t to,
                                     size_t *moved_r)
{
    struct arena *arena = contact->request->arena;
    struct error *error = NULL;
    *moved_r = 0;
    for (size_t first = 0; first < ids->count && !error; first += MOVED_AT_ONCE) {
        size_t end = first + MOVED_AT_ONCE < ids->count ? first + MOVED_AT_ONCE : ids->count;
        struct store_query *query = store_query(contact->store, arena, reference->move);
        store_bind_integer(query, app_principal(contact->request)->organization_id);
        store_bind_integer(query, from);
        store_bind_integer(query, to);
        store_bind_integer(query, contact->now);
        store_bind_text(query, format_ids(arena, ids, first, end));
        error = store_execute(query);
        *moved_r += error ? 0 : (size_t)store_changes(query);
    }
    return error;
}

/* --- merge ------------------------------------------------------------------------------------ */

/* The context of the transaction: the merged contact, and the contact that stays. */
struct merge_call {
    struct record_change merged, target;
};

static void add_contact_change(const struct record_change *contact, const char *field,
                               const char *before, const char *after)
{
    struct request *request = contact->request;
    const struct changed_field change = {
        .resource = contact->records->type,
        .id = arena_format(request->arena, "%" PRId64, record_value(contact, "id")->integer),
        .field = field,
        .before = before,
        .after = after,
    };
    changeset_add(&request->changes, request->arena, &change);
}

static struct error *move_all_references(const struct merge_call *call)
{
    struct arena *arena = call->merged.request->arena;
    int64_t from = record_value(&call->merged, "id")->integer;
    int64_t to = record_value(&call->target, "id")->integer;
    size_t rest = CONTACT_MERGE_MAX, moved;
    const struct contact_reference *reference = contact_references;
    struct error *error = NULL;
    for (; reference->field && !error; reference++) {
        struct id_list ids;
        error = read_references(&call->merged, reference, (int64_t)rest + 1, &ids);
        if (!error && ids.count > rest) {
            return error_new(arena, ERR_TOO_MANY_REFERENCES, NULL);
        }
        if (error || !ids.count) {
            continue;
        }
        rest -= ids.count;
        error = move_references(&call->merged, reference, &ids, from, to, &moved);
        add_contact_change(&call->merged, reference->field, format_ids(arena, &ids, 0, ids.count),
                           no_ids);
    }
    return error;
}

/* Takes values over that the target lacks. Returns false if there are none. */
static bool fill_target(const struct merge_call *call)
{
    bool filled = false;
    for (const char *const *name = filled_fields; *name; name++) {
        struct value *value = record_value(&call->target, *name);
        const struct value *merged = record_value(&call->merged, *name);
        if (value->state == VALUE_SET || merged->state != VALUE_SET) {
            continue;
        }
        *value = *merged;
        filled = true;
        if (!strcmp(*name, "email")) {
            *record_value(&call->target, "email_unique_key") =
                *record_value(&call->merged, "email_unique_key");
        }
    }
    return filled;
}

/* Reads the contact that the body names. */
static struct error *read_target(struct merge_call *call)
{
    const struct request *request = call->merged.request;
    int64_t into = request_body_value(request, "into")->integer;
    if (into == record_value(&call->merged, "id")->integer) {
        return error_field(request->arena, "into", FAULT_SAME_OBJECT, NULL);
    }
    struct error *error = record_read(&call->target, into, false);
    return error && error->id == ERR_NOT_FOUND
               ? error_field(request->arena, "into", FAULT_NO_SUCH_OBJECT, NULL)
               : error;
}

/* Writes both contacts: first the merged one, because a unique index covers the addresses of the
 * contacts that are not deleted. */
static struct error *write_contacts(struct merge_call *call)
{
    struct request *request = call->merged.request;
    const char *into =
        arena_format(request->arena, "%" PRId64, record_value(&call->target, "id")->integer);
    add_contact_change(&call->merged, merged_into, "null", into);
    field_set_integer(record_value(&call->merged, "deleted_at"), call->merged.now);
    struct error *error = record_write(&call->merged);
    const char *subject = request->subject;
    if (!error && fill_target(call)) {
        error = record_write(&call->target);
    }
    request->subject = subject;
    return error;
}

static struct error *merge_contacts(struct store *store, void *context)
{
    struct merge_call *call = context;
    struct request *request = call->merged.request;
    call->merged.store = call->target.store = store;
    struct error *error = record_read(&call->merged, request_path_id(request, "id"), false);
    if (!error) {
        error = request->faults ? request->faults : read_target(call);
    }
    if (!error) {
        error = reply_check_conditions(request, fields_get(call->merged.records->schema->fields,
                                                           call->merged.before, "version")
                                                    ->integer);
    }
    if (!error) {
        error = move_all_references(call);
    }
    return error ? error : write_contacts(call);
}

struct error *contact_merge(struct request *request, struct reply *reply)
{
    const struct record_change contact = {.request = request,
                                          .records = request->route->description};
    struct merge_call call = {contact, contact};
    struct error *error =
        store_write(app_of(request)->store, request->arena, merge_contacts, &call);
    if (!error) {
        reply_versioned(request, reply, call.target.after,
                        record_value(&call.target, "version")->integer);
    }
    return error;
}

/* --- revert ----------------------------------------------------------------------------------- */

/* Returns the id of the target of a merge, from the change set of the merge or of its revert; 0:
 * the change set has none. */
static int64_t find_target_id(const struct changeset *changes)
{
    for (size_t i = 0; i < changes->count; i++) {
        const struct changed_field *change = &changes->items[i];
        if (!strcmp(change->field, merged_into)) {
            bool merged = strcmp(change->after, "null") != 0;
            return request_parse_id(merged ? change->after : change->before);
        }
    }
    return 0;
}

struct error *contact_merge_revert_field(struct record_change *change,
                                         const struct changeset *reverted,
                                         const struct changed_field *field, bool *reverted_r)
{
    const struct contact_reference *reference = contact_references;
    int64_t contact = record_value(change, "id")->integer, target = find_target_id(reverted);
    while (reference->field && strcmp(reference->field, field->field) != 0) {
        reference++;
    }
    *reverted_r = true;
    if (reference->field) {
        bool merged = !strcmp(field->after, no_ids);
        struct id_list ids =
            parse_ids(change->request->arena, merged ? field->before : field->after);
        size_t moved;
        struct error *error = move_references(change, reference, &ids, merged ? target : contact,
                                              merged ? contact : target, &moved);
        *reverted_r = moved == ids.count;
        if (error || !*reverted_r) {
            return error;
        }
    }
    add_contact_change(change, field->field, field->after, field->before);
    return NULL;
}
