/* See records.h. */
#include "rest/records.h"

#include "base/arena.h"
#include "base/clock.h"
#include "rest/rows.h"

#include <inttypes.h>
#include <string.h>

/* Behind the own fields of a map: created_at, updated_at, version, deleted_at. */
enum { HISTORY = 4 };

const enum error_id records_errors[] = {RECORD_ERRORS, ERR_COUNT};
const enum error_id records_restore_errors[] = {RECORD_ERRORS, ERR_HIDDEN_REFERENCE, ERR_COUNT};

const struct field records_path[] = {
    RECORD_REFERENCE("id", FIELD_REQUIRED, "Идентификатор", "The id"),
    {.name = NULL},
};

/* --- values ---------------------------------------------------------------------------------- */

const struct records *records_of(const struct route *route)
{
    return route->adds_faults ? route->description : NULL;
}

static struct value *get(const struct records *records, struct value *values, const char *name)
{
    return fields_get(records->schema->fields, values, name);
}

static int64_t integer_of(const struct records *records, struct value *values, const char *name)
{
    return get(records, values, name)->integer;
}

static bool hidden(const struct records *records, struct value *values)
{
    return get(records, values, "deleted_at")->state == VALUE_SET;
}

struct value *record_value(const struct record_change *change, const char *name)
{
    return get(change->records, change->after, name);
}

const char *record_string(const struct record_change *change, const char *name)
{
    return fields_string(change->records->schema->fields, change->after, name);
}

static bool same(enum field_type type, const struct value *one, const struct value *other)
{
    if (one->state != VALUE_SET || other->state != VALUE_SET) {
        return (one->state == VALUE_SET) == (other->state == VALUE_SET);
    }
    return type == FIELD_STRING    ? !strcmp(one->string.bytes, other->string.bytes)
           : type == FIELD_BOOLEAN ? one->boolean == other->boolean
                                   : one->integer == other->integer;
}

bool record_changes(const struct record_change *change, const char *name)
{
    const struct value *after = record_value(change, name);
    const struct field *fields = change->records->schema->fields;
    return !change->before || !same(fields[after - change->after].type,
                                    get(change->records, change->before, name), after);
}

void record_default_owner(struct record_change *change, const char *name)
{
    struct value *owner = record_value(change, name);
    if (!change->before && owner->state == VALUE_ABSENT) {
        value_set_integer(owner, change->request->principal->account_id);
    }
}

static int64_t organization_of(const struct record_change *change)
{
    return change->request->principal->organization_id;
}

static struct value *copy(const struct record_change *change, const struct value *values)
{
    size_t count = fields_count(change->records->schema->fields);
    struct value *own = arena_array(change->request->arena, count, sizeof *own);
    if (values) {
        memcpy(own, values, count * sizeof *own);
    }
    return own;
}

/* What the body says takes the place of what was; what it says nothing of stays. */
static void apply_body(struct record_change *change)
{
    const struct field *fields = change->request->route->body->fields;
    for (size_t i = 0; fields[i].name; i++) {
        const struct value *value = &change->request->body[i];
        if (value->state != VALUE_ABSENT) {
            *record_value(change, fields[i].name) = *value;
        }
    }
}

struct error *record_check_step(const struct record_change *change, const struct record_step *steps,
                                const char *status)
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

/* --- reading --------------------------------------------------------------------------------- */

/* ERR_NOT_FOUND if it is not there, or hidden and that is not asked for. */
static struct error *find(struct store *store, struct request *request, bool hidden_too,
                          struct value **values_r)
{
    const struct records *records = records_of(request->route);
    struct store_query *query = store_query(store, request->arena, records->get);
    store_bind_integer(query, request->principal->organization_id);
    store_bind_integer(query, request_path_id(request, "id"));
    struct error *error = rows_one(query, request->arena, records->schema->fields, values_r);
    if (error) {
        return error;
    }
    bool found = *values_r && (hidden_too || !hidden(records, *values_r));
    return found ? NULL : error_new(request->arena, ERR_NOT_FOUND, NULL);
}

static void reply_with(struct request *request, struct reply *reply, struct value *values)
{
    reply_version(request, reply, values,
                  integer_of(records_of(request->route), values, "version"));
}

struct error *records_list(struct request *request, struct reply *reply)
{
    const int64_t scope[] = {request->principal->organization_id};
    return list_reply(request, reply, records_of(request->route)->list, scope, 1);
}

struct error *records_get(struct request *request, struct reply *reply)
{
    struct value *values;
    struct error *error = find(request->app->store, request, false, &values);
    return error ? error
                 : reply_selected(request, reply, values,
                                  integer_of(records_of(request->route), values, "version"));
}

/* --- references ------------------------------------------------------------------------------ */

static struct error *exists(const struct record_change *change,
                            const struct record_reference *reference, bool *exists_r)
{
    struct store_query *query = store_query(change->store, change->request->arena, reference->find);
    store_bind_integer(query, organization_of(change));
    store_bind_integer(query, record_value(change, reference->field)->integer);
    struct error *error = store_next(query, exists_r);
    bool more;
    return error || !*exists_r ? error : store_next(query, &more);
}

/* Whether a reference is to be looked up: those that the change sets, and of what is brought back those
 * to other objects; who has left the organization meanwhile is nobody's concern then. */
static bool concerns(const struct record_change *change, const struct record_reference *reference,
                     bool restoring)
{
    return record_value(change, reference->field)->state == VALUE_SET &&
           (restoring ? reference->fault == FAULT_NO_SUCH_OBJECT
                      : record_changes(change, reference->field));
}

/* Every reference that leads nowhere is a detail of the error. */
static struct error *check_references(const struct record_change *change, bool restoring)
{
    struct error *refusal = NULL;
    const struct record_reference *reference = change->records->references;
    for (; reference && reference->field; reference++) {
        bool there;
        if (!concerns(change, reference, restoring)) {
            continue;
        }
        struct error *error = exists(change, reference, &there);
        if (error) {
            return error;
        }
        if (!there) {
            refusal = refusal ? refusal
                              : error_new(change->request->arena,
                                          restoring ? ERR_HIDDEN_REFERENCE : ERR_VALIDATION, NULL);
            error_detail(refusal, reference->field, restoring ? FAULT_HIDDEN : reference->fault,
                         NULL);
        }
    }
    return refusal;
}

/* --- writing --------------------------------------------------------------------------------- */

static void bind_value(struct store_query *query, enum field_type type, const struct value *value)
{
    if (value->state != VALUE_SET) {
        store_bind_null(query);
    } else if (type == FIELD_STRING) {
        store_bind_text(query, value->string.bytes);
    } else {
        store_bind_integer(query, type == FIELD_BOOLEAN ? value->boolean : value->integer);
    }
}

static void bind_own(const struct record_change *change, struct store_query *query)
{
    const struct field *fields = change->records->schema->fields;
    size_t end = fields_count(fields) - HISTORY;
    for (size_t i = 1; i < end; i++) {
        bind_value(query, fields[i].type, &change->after[i]);
    }
    if (change->records->bind) {
        change->records->bind(change, query);
    }
}

static void collect_deltas(const struct record_change *change, struct value *values,
                           struct counter_deltas *deltas)
{
    if (values && change->records->add_deltas && !hidden(change->records, values)) {
        change->records->add_deltas(change->request->arena, values, deltas);
    }
}

static struct error *count(const struct record_change *change)
{
    struct counter_deltas before = {.count = 0}, after = {.count = 0};
    collect_deltas(change, change->before, &before);
    collect_deltas(change, change->after, &after);
    return counters_change(change->store, change->request->arena, organization_of(change), &before,
                           &after);
}

/* A rule, where there is one. */
static struct error *obey(struct error *(*rule)(struct record_change *change),
                          struct record_change *change)
{
    return rule ? rule(change) : NULL;
}

static void set_history(const struct record_change *change)
{
    if (!change->before) {
        value_set_integer(record_value(change, "created_at"), change->now);
    }
    value_set_integer(record_value(change, "updated_at"), change->now);
    value_set_integer(record_value(change, "version"),
                      change->before ? integer_of(change->records, change->before, "version") + 1
                                     : 1);
}

/* What goes with the row that was written. */
static struct error *end_write(struct record_change *change)
{
    set_history(change);
    struct error *error = count(change);
    return error ? error : obey(change->records->after_write, change);
}

static struct error *insert(struct record_change *change)
{
    struct store_query *query =
        store_query(change->store, change->request->arena, change->records->insert);
    int64_t id;
    store_bind_integer(query, organization_of(change));
    store_bind_integer(query, change->now);
    bind_own(change, query);
    struct error *error = rows_number(query, &id);
    if (error) {
        return error;
    }
    value_set_integer(record_value(change, "id"), id);
    return end_write(change);
}

static struct error *update(struct record_change *change)
{
    struct store_query *query =
        store_query(change->store, change->request->arena, change->records->update);
    store_bind_integer(query, organization_of(change));
    store_bind_integer(query, change->now);
    store_bind_integer(query, record_value(change, "id")->integer);
    bind_value(query, FIELD_TIME, record_value(change, "deleted_at"));
    bind_own(change, query);
    struct error *error = store_execute(query);
    return error ? error : end_write(change);
}

/* --- changes --------------------------------------------------------------------------------- */

/* What a call does to a record; its transaction. */
struct call {
    struct record_change change;
    struct error *(*apply)(struct record_change *change);
    bool hidden_too; /* works on what is hidden as well */
};

/* The record as it is, as both sides of the change. */
static struct error *begin_change(struct store *store, struct call *call)
{
    struct record_change *change = &call->change;
    change->store = store;
    change->now = clock_wall_ms();
    struct error *error = find(store, change->request, call->hidden_too, &change->before);
    if (!error) {
        change->after = copy(change, change->before);
    }
    return error;
}

/* Evaluates the conditions after `refusal`, the result of a rule that refuses the call whatever
 * its conditions and its body are. */
static struct error *check_conditions(const struct record_change *change, struct error *refusal)
{
    return refusal ? refusal
                   : reply_check_conditions(change->request,
                                            integer_of(change->records, change->before, "version"));
}

/* What has faults writes nothing: what else is wrong is looked for beside those who write, and what is wrong
 * already is told even if that cannot be found out. */
static struct error *add_faults(struct request *request, store_work *work, struct call *call)
{
    struct error *error = work(request->app->store, call);
    return error->id == ERR_DATABASE_UNAVAILABLE ? request->faults : error;
}

/* A unique index was violated: somebody was quicker, and at a second try the rules find whom. */
static struct error *write_twice(struct request *request, store_work *work, struct call *call)
{
    if (request->faults) {
        return add_faults(request, work, call);
    }
    struct error *error = store_write(request->app->store, request->arena, work, call);
    return error && error->id == ERR_CONSTRAINT_UNIQUE
               ? store_write(request->app->store, request->arena, work, call)
               : error;
}

static bool changes_anything(const struct record_change *change)
{
    const struct field *fields = change->records->schema->fields;
    size_t at = 0;
    while (fields[at].name && !record_changes(change, fields[at].name)) {
        at++;
    }
    return fields[at].name != NULL;
}

/* What is wrong with the body, `faults`, with its references and by the rules is told at once. */
static struct error *write_change(struct record_change *change, struct error *faults)
{
    struct error *error = error_join(faults, check_references(change, false));
    if (!error || error->id == ERR_VALIDATION) {
        error = error_join(error, obey(change->records->before_write, change));
    }
    if (error || !changes_anything(change)) {
        return error;
    }
    return change->before ? update(change) : insert(change);
}

static struct error *create(struct store *store, void *context)
{
    struct call *call = context;
    struct record_change *change = &call->change;
    change->store = store;
    change->now = clock_wall_ms();
    change->after = copy(change, NULL);
    apply_body(change);
    return write_change(change, change->request->faults);
}

struct error *records_create(struct request *request, struct reply *reply)
{
    const struct records *records = records_of(request->route);
    struct call call = {.change = {.request = request, .records = records}};
    struct error *error = write_twice(request, create, &call);
    if (error) {
        return error;
    }
    const char *id =
        arena_format(request->arena, "%" PRId64, record_value(&call.change, "id")->integer);
    request->subject = id;
    reply_created(request, reply, records->path, id);
    reply_with(request, reply, call.change.after);
    return NULL;
}

static struct error *apply_change(struct store *store, void *context)
{
    struct call *call = context;
    struct error *error = begin_change(store, call);
    if (!error) {
        error =
            check_conditions(&call->change, obey(call->change.records->may_change, &call->change));
    }
    if (error) {
        return error;
    }
    error = call->apply(&call->change);
    return error && error->id != ERR_VALIDATION
               ? error
               : write_change(&call->change, error_join(call->change.request->faults, error));
}

static struct error *change_and_reply(struct request *request, struct reply *reply,
                                      struct error *(*apply)(struct record_change *change))
{
    struct call call = {.change = {.request = request, .records = records_of(request->route)},
                        .apply = apply};
    struct error *error = write_twice(request, apply_change, &call);
    if (!error) {
        reply_with(request, reply, call.change.after);
    }
    return error;
}

struct error *records_apply(struct request *request, struct reply *reply,
                            struct error *(*apply)(struct record_change *change))
{
    return request->faults ? request->faults : change_and_reply(request, reply, apply);
}

static struct error *take_body(struct record_change *change)
{
    apply_body(change);
    return NULL;
}

struct error *records_update(struct request *request, struct reply *reply)
{
    return change_and_reply(request, reply, take_body);
}

static struct error *hide(struct store *store, void *context)
{
    struct call *call = context;
    struct record_change *change = &call->change;
    struct error *error = begin_change(store, call);
    if (!error) {
        error = check_conditions(change, obey(change->records->before_hide, change));
    }
    if (error) {
        return error;
    }
    value_set_integer(record_value(change, "deleted_at"), change->now);
    return update(change);
}

struct error *records_delete(struct request *request, struct reply *reply)
{
    struct call call = {.change = {.request = request, .records = records_of(request->route)}};
    struct error *error = store_write(request->app->store, request->arena, hide, &call);
    if (!error) {
        reply_nothing(reply);
    }
    return error;
}

static struct error *restore(struct store *store, void *context)
{
    struct call *call = context;
    struct record_change *change = &call->change;
    struct error *error = begin_change(store, call);
    if (error) {
        return error;
    }
    bool is_hidden = hidden(change->records, change->before);
    record_value(change, "deleted_at")->state = VALUE_NULL;
    if (is_hidden) {
        error = check_references(change, true);
    }
    if (is_hidden && !error) {
        error = obey(change->records->before_restore, change);
    }
    error = check_conditions(change, error);
    return error || !is_hidden ? error : update(change);
}

struct error *records_restore(struct request *request, struct reply *reply)
{
    struct call call = {.change = {.request = request, .records = records_of(request->route)},
                        .hidden_too = true};
    struct error *error = write_twice(request, restore, &call);
    if (!error) {
        reply_with(request, reply, call.change.after);
    }
    return error;
}
