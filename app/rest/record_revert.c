/* See record_revert.h. */
#include "rest/record_revert.h"

#include "http/fields.h"
#include "rest/authorization.h"
#include "rest/revert.h"

#include <string.h>

static const char deleted_at[] = "deleted_at", null_text[] = "null";

/* The context of the transaction. */
struct revert_call {
    struct request *request;
    const struct recorded_changes *recorded;
    struct error *rejection; /* ERR_CHANGED_SINCE with its details; NULL: nothing has changed */
    bool field_reverted;     /* by the function revert_field of the records */
};

/* One object of the recorded changes: those from `first` to before `end`. */
struct reverted_object {
    struct record_change change;
    const struct changed_field *first, *end;
    bool is_main; /* the row is about the object; the others were changed together with it */
};

static const struct field *fields_of(const struct reverted_object *object)
{
    return object->change.records->schema->fields;
}

/* Returns the index of a recorded field of the record; that of the end of the map if the name is
 * that of something else. */
static size_t find_recorded_field(const struct reverted_object *object, const char *name)
{
    const struct field *fields = fields_of(object);
    size_t i = 0;
    while (fields[i].name && (strcmp(fields[i].name, name) != 0 ||
                              !records_field_is_recorded(object->change.records, i))) {
        i++;
    }
    return i;
}

static const struct changed_field *find_change(const struct reverted_object *object,
                                               const char *name)
{
    for (const struct changed_field *change = object->first; change < object->end; change++) {
        if (!strcmp(change->field, name)) {
            return change;
        }
    }
    return NULL;
}

/* True if the change has created the object: a field that always has a value had none before. */
static bool is_creation(const struct reverted_object *object)
{
    for (const struct changed_field *change = object->first; change < object->end; change++) {
        const struct field *field = &fields_of(object)[find_recorded_field(object, change->field)];
        if (field->name && !(field->flags & (FIELD_NULLABLE | FIELD_INTERNAL)) &&
            !strcmp(change->before, null_text)) {
            return true;
        }
    }
    return false;
}

/* Parses a recorded value, which was valid. */
static struct error *parse_value(struct arena *arena, const struct field *field, const char *text,
                                 struct value *value_r)
{
    struct value *value;
    if (!strcmp(text, null_text)) {
        *value_r = (struct value){.state = VALUE_NULL};
        return NULL;
    }
    struct error *error = fields_read_bare(arena, field, text, strlen(text), &value);
    if (!error) {
        *value_r = *value;
    }
    return error;
}

/* --- comparison ------------------------------------------------------------------------------- */

static void add_detail(struct revert_call *call, const char *field, enum fault_id fault,
                       const char *argument)
{
    if (!call->rejection) {
        call->rejection = error_new(call->request->arena, ERR_CHANGED_SINCE, NULL);
    }
    error_detail(call->rejection, field, fault, argument);
}

/* Adds a detail if the current value of the field is not the recorded one. */
static struct error *compare_field(struct revert_call *call, const struct reverted_object *object,
                                   size_t i, const char *recorded)
{
    struct arena *arena = call->request->arena;
    const struct field *field = &fields_of(object)[i];
    const struct value *current = &object->change.before[i];
    struct value expected;
    struct error *error = parse_value(arena, field, recorded, &expected);
    if (!error && !records_equal_values(field->type, current, &expected)) {
        add_detail(call, field->name, FAULT_CHANGED_SINCE,
                   changeset_format_value(arena, field, current));
    }
    return error;
}

/* Compares the fields that the recorded change has set; after a creation, which has set all fields,
 * every field. A record that the change has not deleted must not be deleted now. */
static struct error *compare_object(struct revert_call *call, const struct reverted_object *object,
                                    bool created)
{
    const struct field *fields = fields_of(object);
    struct error *error = NULL;
    for (size_t i = 0; fields[i].name && !error; i++) {
        const struct changed_field *change = find_change(object, fields[i].name);
        bool always = !strcmp(fields[i].name, deleted_at) || (created && object->is_main);
        if (records_field_is_recorded(object->change.records, i) && (change || always)) {
            error = compare_field(call, object, i, change ? change->after : null_text);
        }
    }
    return error;
}

/* --- changes ---------------------------------------------------------------------------------- */

/* Sets the previous values in `after` of the record. */
static struct error *set_previous_values(const struct revert_call *call,
                                         struct reverted_object *object, bool created)
{
    struct record_change *change = &object->change;
    if (created) {
        field_set_integer(record_value(change, deleted_at), change->now);
        return NULL;
    }
    struct error *error = NULL;
    for (const struct changed_field *at = object->first; at < object->end && !error; at++) {
        size_t i = find_recorded_field(object, at->field);
        if (fields_of(object)[i].name) {
            error = parse_value(call->request->arena, &fields_of(object)[i], at->before,
                                &change->after[i]);
        }
    }
    return error;
}

static struct error *revert_other_field(struct revert_call *call, struct reverted_object *object,
                                        const struct changed_field *change)
{
    const struct records *records = object->change.records;
    struct error *error = NULL;
    call->field_reverted = false;
    if (records->revert_field) {
        error = records->revert_field(&object->change, &call->recorded->changes, change,
                                      &call->field_reverted);
    }
    if (!error && !call->field_reverted) {
        add_detail(call, change->field, FAULT_MOVED_SINCE, NULL);
    }
    return error;
}

/* Reverts the changes that are not fields of the record. */
static struct error *revert_other_fields(struct revert_call *call, struct reverted_object *object)
{
    struct error *error = NULL;
    for (const struct changed_field *at = object->first; at < object->end && !error; at++) {
        if (!fields_of(object)[find_recorded_field(object, at->field)].name) {
            error = revert_other_field(call, object, at);
        }
    }
    return error;
}

static struct error *apply_revert_rule(struct error *(*rule)(struct record_change *change),
                                       struct record_change *change)
{
    return rule ? rule(change) : NULL;
}

/* Applies the rules to a record with its previous values. */
static struct error *apply_rules(struct reverted_object *object)
{
    struct record_change *change = &object->change;
    const struct records *records = change->records;
    bool delete_changed = record_field_changed(change, deleted_at);
    bool deleting = delete_changed && record_value(change, deleted_at)->state == VALUE_SET;
    if (delete_changed && !authorization_permits(change->request->principal, PERMIT_DELETE)) {
        return error_new(change->request->arena, ERR_FORBIDDEN, NULL);
    }
    if (deleting) {
        return object->is_main ? apply_revert_rule(records->before_hide, change) : NULL;
    }
    struct error *error = record_check_references(change, delete_changed);
    if (!error) {
        error = apply_revert_rule(delete_changed ? records->before_restore : records->before_revert,
                                  change);
    }
    return error;
}

static struct error *revert_object(struct revert_call *call, struct reverted_object *object)
{
    struct record_change *change = &object->change;
    struct error *error = record_read(change, request_parse_id(object->first->id), true);
    if (!error) {
        error = apply_revert_rule(change->records->may_change, change);
    }
    if (error) {
        return error;
    }
    bool created = is_creation(object);
    error = compare_object(call, object, created);
    if (!error && !call->rejection) {
        error = revert_other_fields(call, object);
    }
    if (error || call->rejection) {
        return error;
    }
    error = set_previous_values(call, object, created);
    if (!error) {
        error = apply_rules(object);
    }
    return error ? error : record_write(change);
}

/* Finds the description of the object's records, and the beginning of its changes, which end at
 * `end`. Returns false if there is none: another version of the program has written the row. */
static bool find_object(const struct revert_call *call, size_t end, struct store *store,
                        struct reverted_object *object_r)
{
    const struct changed_field *items = call->recorded->changes.items;
    const struct changed_field *last = &items[end - 1];
    size_t first = end - 1;
    const struct route *route =
        last->id ? revert_find_route(call->request, last->resource, record_revert) : NULL;
    if (!route) {
        return false;
    }
    while (first > 0 && !strcmp(items[first - 1].resource, last->resource) &&
           !strcmp(items[first - 1].id, last->id)) {
        first--;
    }
    *object_r = (struct reverted_object){
        .change = {.request = call->request,
                   .records = route->description,
                   .store = store,
                   .reverting = true},
        .first = &items[first],
        .end = &items[end],
        .is_main = !strcmp(last->resource, call->recorded->resource) &&
                   !strcmp(last->id, call->recorded->object_id),
    };
    return true;
}

/* Reverts the objects in the reverse order of their changes. */
static struct error *revert_records(struct store *store, void *context)
{
    struct revert_call *call = context;
    const struct changeset *changes = &call->recorded->changes;
    struct error *error = NULL;
    call->rejection = NULL;
    for (size_t end = changes->count; end > 0 && !error;) {
        struct reverted_object object;
        if (!find_object(call, end, store, &object)) {
            return revert_impossible(call->request->arena, "changes", FAULT_NO_REVERT);
        }
        error = revert_object(call, &object);
        end = (size_t)(object.first - changes->items);
    }
    call->request->subject = call->recorded->object_id;
    return error ? error : call->rejection;
}

struct error *record_revert(struct request *request, const struct recorded_changes *recorded)
{
    struct revert_call call = {.request = request, .recorded = recorded};
    struct store *store = app_of(request)->store;
    struct error *error = store_write(store, request->arena, revert_records, &call);
    /* Runs again after a lost race on a unique index, so that the rules name the conflict. */
    return error && error->id == ERR_CONSTRAINT_UNIQUE
               ? store_write(store, request->arena, revert_records, &call)
               : error;
}
