/* See audit.h. */
#include "rest/audit.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/fold.h"
#include "base/log.h"
#include "base/random.h"
#include "directory/intent.h"
#include "http/audit.h"
#include "http/dry_run.h"
#include "http/problem.h"
#include "rest/app.h"
#include "rest/rows.h"
#include "store/observer.h"
#include "store/store.h"
#include "store/together.h"

#include <inttypes.h>
#include <string.h>

enum {
    SALT_SIZE = 16,
    OBJECT_ID_MAX = 255,   /* characters; PostgreSQL rejects index entries of more than 2.7 kB */
    UTF8_FOLLOWING = 0x80, /* the two high bits of each byte of a character but the first */
    UTF8_HIGH_BITS = 0xC0,
};

/* A change of the directory that was announced. */
struct announced {
    struct announced *previous;
    const struct directory_intent *intent;
    size_t first; /* position of its first field in the changes of the request */
};

/* The audit rows of one request. */
struct recording {
    struct request *request;
    struct directory_observer directory_observer;
    struct announced *announced; /* the last one; NULL: none */
    int64_t pending;             /* id of the row of a change of the directory; 0: none */
    size_t recorded;             /* number of changes of the request that are in rows */
    size_t inserted;             /* the same, if the running transaction is committed */
    bool wrote;                  /* the request has changed the database */
    bool has_row;
    audit_describe *describe; /* NULL: the handler adds its changes itself */
    void *described;
    bool has_organization; /* audit_set_organization() was called */
    int64_t organization_id;
    int64_t inserted_id; /* id of the row that was inserted last */
};

/* The part of a row that depends on the outcome. */
struct outcome {
    const char *status;
    const struct error *error; /* NULL: success */
    size_t first, end;         /* the changes of the request that belong to the row */
};

/* --- rows ------------------------------------------------------------------------------------- */

/* Returns the route that describes the changes: that of the reverted call, or that of the
 * request. */
static const struct route *described_route(const struct request *request)
{
    return request->reverted_route ? request->reverted_route : request->route;
}

/* Returns the organization whose managers may read the row; 0: none. A failed call changes nothing,
 * so it belongs to the organization only if the caller is a member. */
static int64_t row_organization(const struct request *request, const struct outcome *outcome)
{
    const struct recording *recording = request->recording;
    const struct principal *principal = request->principal;
    enum permission permission = described_route(request)->permission;
    if (recording && recording->has_organization && !outcome->error) {
        return recording->organization_id;
    }
    bool belongs = permission_is_of_organization(permission) || permission_is_of_files(permission);
    return belongs && principal && principal->role != ROLE_NONE ? principal->organization_id : 0;
}

/* Returns the beginning of the text, with at most OBJECT_ID_MAX characters. */
static const char *truncate_object_id(struct arena *arena, const char *text)
{
    size_t characters = 0, at = 0;
    for (; text && text[at]; at++) {
        characters += ((unsigned char)text[at] & UTF8_HIGH_BITS) != UTF8_FOLLOWING;
        if (characters > OBJECT_ID_MAX) {
            return arena_copy(arena, text, at);
        }
    }
    return text;
}

/* Returns the id of the changed object: the objectGUID of an entry, the id in the changes, or else
 * the name of the object in the request. */
static const char *row_object(const struct request *request, const struct outcome *outcome)
{
    const char *type = audit_resource_type(request);
    if (request->object_guid) {
        return request->object_guid;
    }
    for (size_t i = outcome->first; i < outcome->end; i++) {
        const struct changed_field *change = &request->changes.items[i];
        if (change->id && type && !strcmp(change->resource, type)) {
            return change->id;
        }
    }
    return truncate_object_id(request->arena, audit_object_id(request, outcome->error));
}

static const char *format_changes(const struct request *request, const struct outcome *outcome,
                                  const char *object)
{
    struct buffer text = {.arena = request->arena};
    struct jsonw json = {.out = &text};
    struct changeset changes = request->changes;
    changes.count = outcome->end;
    changeset_write(&json, NULL, &changes, outcome->first, audit_resource_type(request), object);
    return text.bytes;
}

static void bind_integer_or_null(struct store_query *query, int64_t integer)
{
    if (integer) {
        store_bind_integer(query, integer);
    } else {
        store_bind_null(query);
    }
}

/* Inserts a row of the request. Called in a transaction. */
static struct error *insert_row(struct store *store, struct request *request,
                                const struct outcome *outcome, int64_t *id_r)
{
    unsigned char *salt = arena_alloc(request->arena, SALT_SIZE);
    const char *object = row_object(request, outcome);
    random_bytes(salt, SALT_SIZE);
    struct store_query *query = store_query(store, request->arena, SQL_AUDIT_INSERT);
    store_bind_integer(query, clock_wall_ms());
    bind_integer_or_null(query, row_organization(request, outcome));
    store_bind_integer(query, permission_is_of_directory(described_route(request)->permission));
    store_bind_text(query, request->actor);
    store_bind_text(query, request->actor ? fold_text(request->arena, request->actor) : NULL);
    store_bind_text(query, request->actor_id);
    store_bind_text(query, request->headers.address);
    store_bind_text(query, audit_action(request));
    store_bind_text(query, audit_resource_type(request));
    store_bind_text(query, object);
    store_bind_text(query, outcome->status);
    store_bind_text(query, outcome->error ? problem_code(outcome->error->id) : NULL);
    store_bind_text(query, request->id);
    bind_integer_or_null(query, request->reverts);
    store_bind_text(query, format_changes(request, outcome, object));
    store_bind_bytes(query, salt, SALT_SIZE);
    struct error *error = rows_read_number(query, id_r);
    request->audit_row = error ? 0 : *id_r;
    return error;
}

/* --- observer of the database ----------------------------------------------------------------- */

struct error *audit_end_row(struct store *store, struct request *request)
{
    struct recording *recording = request->recording;
    if (!recording || request->dry_run || request->changes.count == recording->inserted) {
        return NULL;
    }
    const struct outcome outcome = {
        .status = AUDIT_SUCCESS, .first = recording->inserted, .end = request->changes.count};
    recording->inserted = outcome.end;
    return insert_row(store, request, &outcome, &recording->inserted_id);
}

static void begin_transaction(void *context)
{
    struct recording *recording = context;
    changeset_truncate(&recording->request->changes, recording->recorded);
    recording->inserted = recording->recorded;
}

/* Inserts a row for the changes of the transaction. */
static struct error *complete_transaction(struct store *store, void *context)
{
    struct recording *recording = context;
    struct request *request = recording->request;
    struct error *error =
        recording->describe ? recording->describe(store, request, recording->described) : NULL;
    if (error) {
        return error;
    }
    if (request->dry_run && store_writes_together(store)) {
        /* the batch is rolled back as a whole, so that its later operations see this change */
        recording->inserted = request->changes.count;
        return NULL;
    }
    return request->dry_run ? error_new(request->arena, ERR_DRY_RUN, NULL)
                            : audit_end_row(store, request);
}

static void finish_transaction(void *context)
{
    struct recording *recording = context;
    recording->wrote = true;
    recording->has_row = recording->has_row || recording->inserted > recording->recorded;
    recording->recorded = recording->inserted;
}

static const struct store_observer observer = {begin_transaction, complete_transaction,
                                               finish_transaction};

/* --- observer of the directory ---------------------------------------------------------------- */

static void add_planned_changes(struct request *request, const struct directory_intent *intent)
{
    for (const struct directory_intent_entry *entry = intent->entries; entry; entry = entry->next) {
        for (const struct directory_intent_field *field = entry->fields; field;
             field = field->next) {
            const struct changed_field change = {
                .resource = entry->kind,
                .id =
                    entry->guid || request->dry_run ? entry->guid : audit_object_id(request, NULL),
                .field = field->name,
                .before = field->before,
                .after = field->after,
            };
            changeset_add(&request->changes, request->arena, &change);
        }
    }
}

/* Adds the operations to the LDIF of a dry run, if the client asks for it. */
static void add_ldif(struct request *request, const struct directory_intent *intent)
{
    if (!dry_run_wants_ldif(request)) {
        return;
    }
    if (!request->ldif) {
        request->ldif = arena_alloc(request->arena, sizeof *request->ldif);
        *request->ldif = (struct buffer){.arena = request->arena};
    }
    ldif_write(request->ldif, intent->records);
}

/* Inserts the pending row of a change, or adds further changes to it. */
static struct error *write_pending_row(struct store *store, void *context)
{
    struct recording *recording = context;
    struct request *request = recording->request;
    const struct outcome outcome = {AUDIT_PENDING, NULL, 0, request->changes.count};
    if (!recording->pending) {
        return insert_row(store, request, &outcome, &recording->inserted_id);
    }
    struct store_query *query = store_query(store, request->arena, SQL_AUDIT_EXTEND);
    store_bind_integer(query, recording->pending);
    store_bind_text(query, format_changes(request, &outcome, row_object(request, &outcome)));
    struct error *error = store_execute(query);
    return error || store_changes(query) == 1 ? error
                                              : error_new(request->arena, ERR_DATABASE_UNAVAILABLE,
                                                          "the audit row is not pending any more");
}

static void remember_announced(struct recording *recording, const struct directory_intent *intent)
{
    struct request *request = recording->request;
    struct announced *announced = arena_alloc(request->arena, sizeof *announced);
    *announced = (struct announced){recording->announced, intent, request->changes.count};
    recording->announced = announced;
}

/* Makes the intention of a change durable before the directory is changed. */
static struct error *record_intention(void *context, const struct directory_intent *intent)
{
    struct recording *recording = context;
    struct request *request = recording->request;
    struct store *store = app_of(request)->store;
    remember_announced(recording, intent);
    add_planned_changes(request, intent);
    if (request->dry_run) {
        add_ldif(request, intent);
        return NULL; /* the directory itself stops a dry run */
    }
    store_set_observer(store, NULL, NULL);
    struct error *error = store_write(store, request->arena, write_pending_row, recording);
    struct error *commit = store_group_commit(store, request->arena);
    store_set_observer(store, &observer, recording);
    if (error || commit) {
        return error ? error : commit;
    }
    recording->pending = recording->pending ? recording->pending : recording->inserted_id;
    recording->recorded = request->changes.count;
    recording->has_row = true;
    return NULL;
}

/* Returns the status of a row. `error` is NULL on success. */
static const char *status_of(const struct error *error)
{
    if (!error || error->id == ERR_RESULT_UNREAD) {
        return AUDIT_SUCCESS;
    }
    return error_may_follow_change(error) ? AUDIT_UNKNOWN : AUDIT_FAILURE;
}

static bool has_refused_entry(const struct directory_intent *intent)
{
    const struct directory_intent_entry *entry = intent->entries;
    while (entry && !entry->was_refused) {
        entry = entry->next;
    }
    return entry;
}

/* Removes the fields of the entries that were not changed from the changes of the request. */
static void remove_refused_changes(struct changeset *changes, const struct announced *announced)
{
    size_t from = announced->first, to = announced->first;
    for (const struct directory_intent_entry *entry = announced->intent->entries; entry;
         entry = entry->next) {
        for (const struct directory_intent_field *field = entry->fields; field;
             field = field->next) {
            changes->items[to] = changes->items[from++];
            to += !entry->was_refused;
        }
    }
    while (from < changes->count) {
        changes->items[to++] = changes->items[from++];
    }
    changes->count = to;
}

/* Makes the changes of the request those that were made. Returns true if they differ from those in
 * the pending row. */
static bool correct_changes(struct recording *recording)
{
    struct changeset *changes = &recording->request->changes;
    bool differ = changes->count != recording->recorded;
    for (const struct announced *announced = recording->announced; announced;
         announced = announced->previous) {
        if (has_refused_entry(announced->intent)) {
            remove_refused_changes(changes, announced);
            differ = true;
        }
    }
    return differ;
}

/* The context of write_outcome(). */
struct settlement {
    struct recording *recording;
    bool rewrites; /* the changes in the row are to be replaced */
    const char *status, *code;
};

static struct error *write_outcome(struct store *store, void *context)
{
    const struct settlement *settlement = context;
    const struct request *request = settlement->recording->request;
    struct error *error =
        settlement->rewrites ? write_pending_row(store, settlement->recording) : NULL;
    if (error) {
        return error;
    }
    struct store_query *query = store_query(store, request->arena, SQL_AUDIT_SETTLE);
    store_bind_integer(query, settlement->recording->pending);
    store_bind_text(query, settlement->status);
    store_bind_text(query, settlement->code);
    store_bind_text(query, request->object_guid);
    return store_execute(query);
}

/* Writes the outcome of a change of the directory into its row. The directory was changed already,
 * so a failure is only logged: the row stays pending, and becomes `unknown` later. */
static void settle_pending_row(struct recording *recording, const struct error *error)
{
    struct request *request = recording->request;
    struct store *store = app_of(request)->store;
    struct settlement settlement = {recording, correct_changes(recording), status_of(error),
                                    error ? problem_code(error->id) : NULL};
    struct error *failure = store_write(store, request->arena, write_outcome, &settlement);
    struct error *commit = store_group_commit(store, request->arena);
    failure = failure ? failure : commit;
    if (failure) {
        log_warning("audit: cannot record the outcome of a change: %s",
                    failure->cause ? failure->cause : "unknown cause");
    }
}

/* --- recorder of the router ------------------------------------------------------------------- */

static void begin_recording(struct request *request)
{
    struct recording *recording = arena_alloc(request->arena, sizeof *recording);
    *recording = (struct recording){
        .request = request,
        .directory_observer = {record_intention, request->dry_run},
    };
    request->recording = recording;
    store_set_observer(app_of(request)->store, &observer, recording);
    directory_set_observer(app_of(request)->directory, &recording->directory_observer, recording);
}

/* The context of a row that is written in a transaction of its own. */
struct separate_row {
    struct request *request;
    struct outcome outcome;
};

static struct error *write_separate_row(struct store *store, void *context)
{
    const struct separate_row *row = context;
    int64_t id;
    return insert_row(store, row->request, &row->outcome, &id);
}

/* True if the error is that of a limit or of an unavailable service: the database must not grow by
 * such calls. */
static bool is_unrecorded_failure(const struct error *error)
{
    switch (error->id) {
    case ERR_TOO_MANY_REQUESTS:
    case ERR_TOO_MANY_ATTEMPTS:
    case ERR_OVERLOADED:
    case ERR_STORAGE_FULL:
    case ERR_DATABASE_UNAVAILABLE:
        return true;
    default:
        return false;
    }
}

/* Inserts the row of a failed call. The call has failed anyway, so a failure of the row is only
 * logged. */
static void record_failure(struct request *request, const struct error *error)
{
    const struct separate_row row = {request, {.status = status_of(error), .error = error}};
    if (!request->principal || request->dry_run || request->withdrawn ||
        is_unrecorded_failure(error)) {
        return;
    }
    struct error *failure =
        store_write(app_of(request)->store, request->arena, write_separate_row, (void *)&row);
    if (failure) {
        log_warning("audit: cannot record a failed call: %s",
                    failure->cause ? failure->cause : "unknown cause");
    }
}

/* Inserts the row of a call that has changed the database without a row. */
static struct error *record_unrecorded_changes(struct request *request)
{
    const struct recording *recording = request->recording;
    const struct separate_row row = {
        request,
        {.status = AUDIT_SUCCESS, .first = recording->recorded, .end = request->changes.count}};
    bool has_changes = request->changes.count > recording->recorded;
    if (!has_changes && (!recording->wrote || recording->has_row)) {
        return NULL;
    }
    return store_write(app_of(request)->store, request->arena, write_separate_row, (void *)&row);
}

static struct error *end_recording(struct request *request, struct error *error, bool repeated)
{
    struct recording *recording = request->recording;
    store_set_observer(app_of(request)->store, NULL, NULL);
    directory_set_observer(app_of(request)->directory, NULL, NULL);
    if (request->dry_run || repeated) {
        return error;
    }
    if (recording->pending) {
        settle_pending_row(recording, error);
        return error;
    }
    if (error) {
        record_failure(request, error);
        return error;
    }
    return record_unrecorded_changes(request);
}

const struct router_recorder audit_recorder = {begin_recording, end_recording, record_failure};

/* --- functions for handlers ------------------------------------------------------------------- */

void audit_describe_with(struct request *request, audit_describe *describe, void *context)
{
    struct recording *recording = request->recording;
    if (recording) {
        recording->describe = describe;
        recording->described = context;
    }
}

void audit_set_organization(struct request *request, int64_t organization_id)
{
    struct recording *recording = request->recording;
    if (recording) {
        recording->has_organization = true;
        recording->organization_id = organization_id;
    }
}

const char *audit_new_id(const struct request *request, int64_t id)
{
    return request->dry_run ? NULL : arena_format(request->arena, "%" PRId64, id);
}
