/* See records.h. */
#include "rest/records.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/folded.h"
#include "rest/rows.h"

#include <inttypes.h>
#include <string.h>

/* Number of fields of RECORD_HISTORY: created_at, updated_at, version, deleted_at. */
enum { HISTORY = 4 };

const enum error_id records_errors[] = {RECORD_ERRORS, ERR_COUNT};
const enum error_id records_restore_errors[] = {RECORD_ERRORS, ERR_HIDDEN_REFERENCE, ERR_COUNT};

const struct field records_path[] = {
    RECORD_REFERENCE("id", FIELD_REQUIRED, "Идентификатор", "The id"),
    {.name = NULL},
};

/* --- values ----------------------------------------------------------------------------------- */

/* Returns the description that the route of the request names. */
static const struct records *described_records(const struct request *request)
{
    return request->route->description;
}

static struct value *get_field(const struct records *records, struct value *values,
                               const char *name)
{
    return fields_get(records->schema->fields, values, name);
}

static int64_t get_integer_field(const struct records *records, struct value *values,
                                 const char *name)
{
    return get_field(records, values, name)->integer;
}

static bool is_deleted_record(const struct records *records, struct value *values)
{
    return get_field(records, values, "deleted_at")->state == VALUE_SET;
}

struct value *record_value(const struct record_change *change, const char *name)
{
    return get_field(change->records, change->after, name);
}

const char *record_string(const struct record_change *change, const char *name)
{
    return fields_string(change->records->schema->fields, change->after, name);
}

static bool is_equal_value(enum field_type type, const struct value *one, const struct value *other)
{
    if (one->state != VALUE_SET || other->state != VALUE_SET) {
        return (one->state == VALUE_SET) == (other->state == VALUE_SET);
    }
    return type == FIELD_STRING    ? !strcmp(one->string.bytes, other->string.bytes)
           : type == FIELD_BOOLEAN ? one->boolean == other->boolean
                                   : one->integer == other->integer;
}

bool record_field_changed(const struct record_change *change, const char *name)
{
    const struct value *after = record_value(change, name);
    const struct field *fields = change->records->schema->fields;
    return !change->before ||
           !is_equal_value(fields[after - change->after].type,
                           get_field(change->records, change->before, name), after);
}

void record_default_owner(struct record_change *change, const char *name)
{
    struct value *owner = record_value(change, name);
    if (!change->before && owner->state == VALUE_ABSENT) {
        field_set_integer(owner, app_principal(change->request)->account_id);
    }
}

static int64_t get_organization_id(const struct record_change *change)
{
    return app_principal(change->request)->organization_id;
}

static struct value *copy_record(const struct record_change *change, const struct value *values)
{
    size_t count = fields_count(change->records->schema->fields);
    struct value *own = arena_array(change->request->arena, count, sizeof *own);
    if (values) {
        memcpy(own, values, count * sizeof *own);
    }
    return own;
}

/* Replaces the values of the fields that the body contains. Never fails. */
static struct error *apply_body(struct record_change *change)
{
    const struct field *fields = change->request->route->body->fields;
    for (size_t i = 0; fields[i].name; i++) {
        const struct value *value = &change->request->body[i];
        if (value->state != VALUE_ABSENT) {
            *record_value(change, fields[i].name) = *value;
        }
    }
    return NULL;
}

struct error *record_check_transition(const struct record_change *change,
                                      const struct record_transition *steps, const char *status)
{
    const char *before = fields_string(change->records->schema->fields, change->before, "status");
    struct error *error = error_new(change->request->arena, ERR_INVALID_TRANSITION, NULL);
    for (; steps->from; steps++) {
        if (!strcmp(steps->from, before)) {
            if (!strcmp(steps->to, status)) {
                return NULL;
            }
            error_detail(error, NULL, FAULT_NONE, steps->to);
        }
    }
    return error;
}

enum fault_id record_check_date(const char *text, size_t length)
{
    return strlen(text) == length && clock_parse_date(text, NULL) ? FAULT_NONE : FAULT_NOT_DATE;
}

enum fault_id record_check_moment(const char *text, size_t length)
{
    bool fits = clock_parse_date(text, NULL) || clock_parse_time(text, NULL);
    return strlen(text) == length && fits ? FAULT_NONE : FAULT_NOT_MOMENT;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Finds the record that the path names. ERR_NOT_FOUND if it does not exist, or is deleted, unless
 * `include_deleted` is true. */
static struct error *find_record(struct store *store, struct request *request, bool include_deleted,
                                 struct value **values_r)
{
    const struct records *records = described_records(request);
    struct store_query *query = store_query(store, request->arena, records->get);
    store_bind_integer(query, app_principal(request)->organization_id);
    store_bind_integer(query, request_path_id(request, "id"));
    struct error *error = rows_read_one(query, request->arena, records->schema->fields, values_r);
    if (error) {
        return error;
    }
    bool found = *values_r && (include_deleted || !is_deleted_record(records, *values_r));
    return found ? NULL : error_new(request->arena, ERR_NOT_FOUND, NULL);
}

static void reply_with_record(struct request *request, struct reply *reply, struct value *values)
{
    reply_versioned(request, reply, values,
                    get_integer_field(described_records(request), values, "version"));
}

struct error *records_list(struct request *request, struct reply *reply)
{
    const int64_t scope[] = {app_principal(request)->organization_id};
    return list_reply(request, reply, described_records(request)->list, scope, 1);
}

struct error *records_get(struct request *request, struct reply *reply)
{
    struct value *values;
    struct error *error = find_record(app_of(request)->store, request, false, &values);
    return error ? error
                 : reply_conditional(
                       request, reply, values,
                       get_integer_field(described_records(request), values, "version"));
}

/* --- references ------------------------------------------------------------------------------- */

static struct error *find_reference(const struct record_change *change,
                                    const struct record_reference *reference, bool *found_r)
{
    struct store_query *query = store_query(change->store, change->request->arena, reference->find);
    store_bind_integer(query, get_organization_id(change));
    store_bind_integer(query, record_value(change, reference->field)->integer);
    struct error *error = store_next(query, found_r);
    bool more;
    return error || !*found_r ? error : store_next(query, &more);
}

/* True if the reference must be checked. A change checks the references that it modifies. A restore
 * checks the references to objects, but not to members, who may have left the organization. */
static bool must_check_reference(const struct record_change *change,
                                 const struct record_reference *reference, bool restoring)
{
    return record_value(change, reference->field)->state == VALUE_SET &&
           (restoring ? reference->fault == FAULT_NO_SUCH_OBJECT
                      : record_field_changed(change, reference->field));
}

/* Checks that the referenced objects exist. The error has a detail for each one that does not. */
static struct error *check_references(const struct record_change *change, bool restoring)
{
    struct error *rejection = NULL;
    const struct record_reference *reference = change->records->references;
    for (; reference && reference->field; reference++) {
        bool found;
        if (!must_check_reference(change, reference, restoring)) {
            continue;
        }
        struct error *error = find_reference(change, reference, &found);
        if (error) {
            return error;
        }
        if (!found) {
            rejection = rejection
                            ? rejection
                            : error_new(change->request->arena,
                                        restoring ? ERR_HIDDEN_REFERENCE : ERR_VALIDATION, NULL);
            error_detail(rejection, reference->field, restoring ? FAULT_DELETED : reference->fault,
                         NULL);
        }
    }
    return rejection;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void bind_field_value(struct store_query *query, enum field_type type,
                             const struct value *value)
{
    if (value->state != VALUE_SET) {
        store_bind_null(query);
    } else if (type == FIELD_STRING) {
        store_bind_text(query, value->string.bytes);
    } else {
        store_bind_integer(query, type == FIELD_BOOLEAN ? value->boolean : value->integer);
    }
}

static void bind_own_fields(const struct record_change *change, struct store_query *query)
{
    const struct field *fields = change->records->schema->fields;
    size_t end = fields_count(fields) - HISTORY;
    for (size_t i = 1; i < end; i++) {
        bind_field_value(query, fields[i].type, &change->after[i]);
    }
    if (change->records->bind) {
        change->records->bind(change, query);
    }
    store_bind_text(query, folded_of_values(change->request->arena, fields, change->after));
}

static void collect_deltas(const struct record_change *change, struct value *values,
                           struct counter_deltas *deltas)
{
    if (values && change->records->add_deltas && !is_deleted_record(change->records, values)) {
        change->records->add_deltas(change->request->arena, values, deltas);
    }
}

/* Applies a rule of the resource, if it has that rule. */
static struct error *apply_rule(struct error *(*rule)(struct record_change *change),
                                struct record_change *change)
{
    return rule ? rule(change) : NULL;
}

static void set_history(const struct record_change *change)
{
    if (!change->before) {
        field_set_integer(record_value(change, "created_at"), change->now);
    }
    field_set_integer(record_value(change, "updated_at"), change->now);
    field_set_integer(
        record_value(change, "version"),
        change->before ? get_integer_field(change->records, change->before, "version") + 1 : 1);
}

/* Completes a written row: version and times, counters, further rows of the resource. */
static struct error *finish_record_write(struct record_change *change)
{
    struct counter_deltas before = {.count = 0}, after = {.count = 0};
    set_history(change);
    collect_deltas(change, change->before, &before);
    collect_deltas(change, change->after, &after);
    struct error *error = counters_update(change->store, change->request->arena,
                                          get_organization_id(change), &before, &after);
    return error ? error : apply_rule(change->records->after_write, change);
}

static struct error *insert_record(struct record_change *change)
{
    struct store_query *query =
        store_query(change->store, change->request->arena, change->records->insert);
    int64_t id;
    store_bind_integer(query, get_organization_id(change));
    store_bind_integer(query, change->now);
    bind_own_fields(change, query);
    struct error *error = rows_read_number(query, &id);
    if (error) {
        return error;
    }
    field_set_integer(record_value(change, "id"), id);
    return finish_record_write(change);
}

static struct error *update_record(struct record_change *change)
{
    struct store_query *query =
        store_query(change->store, change->request->arena, change->records->update);
    store_bind_integer(query, get_organization_id(change));
    store_bind_integer(query, change->now);
    store_bind_integer(query, record_value(change, "id")->integer);
    bind_field_value(query, FIELD_TIME, record_value(change, "deleted_at"));
    bind_own_fields(change, query);
    struct error *error = store_execute(query);
    return error ? error : finish_record_write(change);
}

/* --- changes ---------------------------------------------------------------------------------- */

/* The context of a call's transaction. */
struct record_call {
    struct record_change change;
    struct error *(*apply)(struct record_change *change);
    bool include_deleted; /* the call applies to deleted records, too */
};

/* Reads the record. The values after the change start as a copy of those before. */
static struct error *read_for_change(struct store *store, struct record_call *call)
{
    struct record_change *change = &call->change;
    change->store = store;
    change->now = clock_wall_ms();
    struct error *error =
        find_record(store, change->request, call->include_deleted, &change->before);
    if (!error) {
        change->after = copy_record(change, change->before);
    }
    return error;
}

/* Evaluates the conditions of the request, such as If-Match, unless a rule has rejected the call: a
 * rule takes precedence over the conditions. */
static struct error *check_conditions(const struct record_change *change, struct error *rejection)
{
    return rejection ? rejection
                     : reply_check_conditions(
                           change->request,
                           get_integer_field(change->records, change->before, "version"));
}

/* Runs the work in a transaction. If the transaction loses a race on a unique index, runs it again,
 * so that the rules name the conflict. If the body has faults, nothing can be written, so the work
 * runs outside of a transaction, and only adds the faults that references and rules find. */
static struct error *write_with_retry(struct request *request, store_work *work,
                                      struct record_call *call)
{
    if (request->faults) {
        struct error *error = work(app_of(request)->store, call);
        return error->id == ERR_DATABASE_UNAVAILABLE ? request->faults : error;
    }
    struct error *error = store_write(app_of(request)->store, request->arena, work, call);
    return error && error->id == ERR_CONSTRAINT_UNIQUE
               ? store_write(app_of(request)->store, request->arena, work, call)
               : error;
}

/* True if the change modifies at least one field. */
static bool has_changes(const struct record_change *change)
{
    const struct field *fields = change->records->schema->fields;
    size_t at = 0;
    while (fields[at].name && !record_field_changed(change, fields[at].name)) {
        at++;
    }
    return fields[at].name != NULL;
}

/* Writes the record, if it has no faults. Joins the faults of the body, the references and the
 * rules in one error. */
static struct error *check_and_write(struct record_change *change, struct error *faults)
{
    struct error *error = error_merge(faults, check_references(change, false));
    if (!error || error->id == ERR_VALIDATION) {
        error = error_merge(error, apply_rule(change->records->before_write, change));
    }
    if (error || !has_changes(change)) {
        return error;
    }
    return change->before ? update_record(change) : insert_record(change);
}

static struct error *create_record(struct store *store, void *context)
{
    struct record_call *call = context;
    struct record_change *change = &call->change;
    change->store = store;
    change->now = clock_wall_ms();
    change->after = copy_record(change, NULL);
    (void)apply_body(change);
    return check_and_write(change, change->request->faults);
}

struct error *records_create(struct request *request, struct reply *reply)
{
    const struct records *records = described_records(request);
    struct record_call call = {.change = {.request = request, .records = records}};
    struct error *error = write_with_retry(request, create_record, &call);
    if (error) {
        return error;
    }
    const char *id =
        arena_format(request->arena, "%" PRId64, record_value(&call.change, "id")->integer);
    request->subject = id;
    reply_created(request, reply, records->path, id);
    reply_with_record(request, reply, call.change.after);
    return NULL;
}

static struct error *change_record(struct store *store, void *context)
{
    struct record_call *call = context;
    struct error *error = read_for_change(store, call);
    if (!error) {
        error = check_conditions(&call->change,
                                 apply_rule(call->change.records->may_change, &call->change));
    }
    if (error) {
        return error;
    }
    error = call->apply(&call->change);
    return error && error->id != ERR_VALIDATION
               ? error
               : check_and_write(&call->change, error_merge(call->change.request->faults, error));
}

static struct error *change_and_reply(struct request *request, struct reply *reply,
                                      struct error *(*apply)(struct record_change *change))
{
    struct record_call call = {
        .change = {.request = request, .records = described_records(request)}, .apply = apply};
    struct error *error = write_with_retry(request, change_record, &call);
    if (!error) {
        reply_with_record(request, reply, call.change.after);
    }
    return error;
}

struct error *records_apply(struct request *request, struct reply *reply,
                            struct error *(*apply)(struct record_change *change))
{
    return request->faults ? request->faults : change_and_reply(request, reply, apply);
}

struct error *records_update(struct request *request, struct reply *reply)
{
    return change_and_reply(request, reply, apply_body);
}

static struct error *delete_record(struct store *store, void *context)
{
    struct record_call *call = context;
    struct record_change *change = &call->change;
    struct error *error = read_for_change(store, call);
    if (!error) {
        error = check_conditions(change, apply_rule(change->records->before_hide, change));
    }
    if (error) {
        return error;
    }
    field_set_integer(record_value(change, "deleted_at"), change->now);
    return update_record(change);
}

struct error *records_delete(struct request *request, struct reply *reply)
{
    struct record_call call = {
        .change = {.request = request, .records = described_records(request)}};
    struct error *error = store_write(app_of(request)->store, request->arena, delete_record, &call);
    if (!error) {
        reply_no_content(reply);
    }
    return error;
}

static struct error *restore_record(struct store *store, void *context)
{
    struct record_call *call = context;
    struct record_change *change = &call->change;
    struct error *error = read_for_change(store, call);
    if (error) {
        return error;
    }
    bool was_deleted = is_deleted_record(change->records, change->before);
    record_value(change, "deleted_at")->state = VALUE_NULL;
    if (was_deleted) {
        error = check_references(change, true);
    }
    if (was_deleted && !error) {
        error = apply_rule(change->records->before_restore, change);
    }
    error = check_conditions(change, error);
    return error || !was_deleted ? error : update_record(change);
}

struct error *records_restore(struct request *request, struct reply *reply)
{
    struct record_call call = {
        .change = {.request = request, .records = described_records(request)},
        .include_deleted = true};
    struct error *error = write_with_retry(request, restore_record, &call);
    if (!error) {
        reply_with_record(request, reply, call.change.after);
    }
    return error;
}
