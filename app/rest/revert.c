/* See revert.h. */
#include "rest/revert.h"

#include "base/arena.h"
#include "directory/deleted.h"
#include "directory/directory.h"
#include "directory/names.h"
#include "http/audit.h"
#include "http/dry_run.h"
#include "rest/app.h"
#include "rest/audit.h"
#include "rest/authorization.h"
#include "rest/delegations.h"
#include "rest/entries.h"
#include "rest/record_fields.h"
#include "store/store.h"

#include <string.h>

static const struct field reply_fields[] = {
    {.name = "id",
     .type = FIELD_INTEGER,
     .flags = FIELD_NULLABLE,
     .about = {"Запись аудита об этой отмене; по ней можно отменить саму отмену",
               "The audit record of this revert, which can be reverted in turn"},
     .example = "1042"},
    {.name = "reverts",
     .type = FIELD_INTEGER,
     .about = {"Отменённая запись аудита", "The audit record that was reverted"},
     .example = "1017"},
    {.name = "changes",
     .type = FIELD_JSON,
     .fields = dry_run_change_fields,
     .about = {"Что изменила отмена", "The changes that the revert made"},
     .example = "[]"},
    {.name = NULL},
};

const struct schema revert_schema = {"Revert", reply_fields, false};

const enum error_id revert_errors[] = {ERR_CHANGED_SINCE,
                                       ERR_NOT_REVERTIBLE,
                                       ERR_VALIDATION,
                                       ERR_DUPLICATE,
                                       ERR_HAS_DEALS,
                                       ERR_AUTOMATIC_ACTIVITY,
                                       ERR_HIDDEN_REFERENCE,
                                       ENTRIES_UPDATE_ERRORS,
                                       ERR_PROTECTED_OBJECT,
                                       ERR_PARTIALLY_APPLIED,
                                       ERR_NOT_EMPTY,
                                       ERR_HAS_PRIMARY_MEMBERS,
                                       ERR_PRIMARY_GROUP,
                                       ERR_NOT_RESTORABLE,
                                       ERR_CURRENCY_IN_USE,
                                       ERR_LAST_OWNER,
                                       ERR_ALREADY_EXISTS,
                                       ERR_TOO_MANY_DELEGATIONS,
                                       ERR_COUNT};

/* The columns of an audit row on which a revert depends. */
struct reverted_row {
    struct recorded_changes recorded;
    int64_t organization_id; /* 0: none */
    bool directory;
    const char *status;
    const char *changes; /* JSON; "": none */
};

/* --- the row ---------------------------------------------------------------------------------- */

/* Returns a text of the row; "" if it is null. */
static const char *copy_row_text(const struct store_query *query, struct arena *arena,
                                 size_t column)
{
    const char *text = store_text(query, column, NULL);
    return text ? arena_string(arena, text) : "";
}

static struct error *read_reverted_row(const struct request *request, struct reverted_row *row_r)
{
    struct arena *arena = request->arena;
    struct store_query *query = store_query(app_of(request)->store, arena, SQL_AUDIT_REVERTED);
    bool found;
    store_bind_integer(query, request_path_id(request, "id"));
    struct error *error = store_next(query, &found);
    if (error || !found) {
        return error ? error : error_new(arena, ERR_NOT_FOUND, NULL);
    }
    *row_r = (struct reverted_row){
        .recorded = {.id = store_integer(query, SQL_AUDIT_REVERTED_ID),
                     .action = copy_row_text(query, arena, SQL_AUDIT_REVERTED_ACTION),
                     .resource = copy_row_text(query, arena, SQL_AUDIT_REVERTED_RESOURCE),
                     .object_id = copy_row_text(query, arena, SQL_AUDIT_REVERTED_OBJECT_ID)},
        .organization_id = store_integer(query, SQL_AUDIT_REVERTED_ORGANIZATION_ID),
        .directory = store_integer(query, SQL_AUDIT_REVERTED_DIRECTORY),
        .status = copy_row_text(query, arena, SQL_AUDIT_REVERTED_STATUS),
        .changes = copy_row_text(query, arena, SQL_AUDIT_REVERTED_CHANGES),
    };
    return store_next(query, &found);
}

/* --- routes ----------------------------------------------------------------------------------- */

/* Returns the route of the call whose change the row has recorded; NULL: there is none any more. */
static const struct route *find_route_of_action(const struct request *request, const char *action)
{
    const struct resource *resource = request->route->description;
    size_t prefix = strlen(AUDIT_REVERT);
    const char *name = strncmp(action, AUDIT_REVERT, prefix) ? action : action + prefix;
    for (; resource->routes; resource++) {
        for (const struct route *route = resource->routes; route->pattern; route++) {
            if (route->action && !strcmp(route->action, name)) {
                return route;
            }
        }
    }
    return NULL;
}

const struct route *revert_find_route(const struct request *request, const char *resource_type,
                                      route_reverter *revert)
{
    const struct resource *resource = request->route->description;
    for (; resource->routes; resource++) {
        for (const struct route *route = resource->routes; route->pattern; route++) {
            if (route->revert == revert && route->description &&
                !strcmp(route->resource_type, resource_type)) {
                return route;
            }
        }
    }
    return NULL;
}

/* --- permissions ------------------------------------------------------------------------------ */

/* True if the caller may read a row that is not of the directory: the local administrator reads all
 * rows, an OWNER or ADMIN those of the organization. The other members read those about the records
 * of the organization: each record has a history. */
static bool may_read_audit_row(const struct request *request, const struct reverted_row *row,
                               const struct route *reverted)
{
    const struct principal *caller = app_principal(request);
    if (caller->kind == PRINCIPAL_LOCAL) {
        return true;
    }
    bool of_organization = row->organization_id && row->organization_id == caller->organization_id;
    bool of_record =
        reverted && reverted->permission >= PERMIT_READ && reverted->permission <= PERMIT_DELETE;
    return of_organization && (authorization_permits(caller, PERMIT_MANAGE) ||
                               (of_record && authorization_permits(caller, PERMIT_READ)));
}

/* Returns ERR_NOT_FOUND if the caller does not see the entry that the row is about, or does not see
 * where it was before its deletion. */
static struct error *check_visible_entry(const struct request *request,
                                         const struct reverted_row *row)
{
    const struct app *app = app_of(request);
    const char *id = row->recorded.object_id, *dn;
    struct directory_deleted deleted;
    struct error *error = NULL;
    if (!app->caller || !names_filter_guid(request->arena, id)) {
        return error_new(request->arena, ERR_NOT_FOUND, NULL);
    }
    error = directory_resolve_object(app->directory, request->arena, id, "id", &dn);
    if (error && error->id == ERR_VALIDATION) {
        error = directory_find_restorable(app->directory, request->arena, id, &deleted);
    }
    bool is_hidden =
        error && (error->id == ERR_NOT_RESTORABLE || error->id == ERR_DIRECTORY_FORBIDDEN);
    return is_hidden ? error_new(request->arena, ERR_NOT_FOUND, NULL) : error;
}

/* Returns ERR_NOT_FOUND if the caller may not read the row. An administrator of the directory reads
 * its rows; other users of the directory revert those of entries that they see. */
static struct error *check_readable_row(const struct request *request,
                                        const struct reverted_row *row,
                                        const struct route *reverted)
{
    bool administers = app_principal(request)->administrator;
    if (row->directory && !administers && app_principal(request)->kind != PRINCIPAL_LOCAL) {
        return check_visible_entry(request, row);
    }
    return (row->directory && administers) || may_read_audit_row(request, row, reverted)
               ? NULL
               : error_new(request->arena, ERR_NOT_FOUND, NULL);
}

/* True if the caller may make the reverted call. The directory then checks the rights at the place
 * of the entry. */
static bool may_make_call(const struct request *request, const struct reverted_row *row,
                          const struct route *reverted)
{
    const struct principal *caller = app_principal(request);
    const struct directory_caller *directory_caller = app_of(request)->caller;
    if (reverted->rights && directory_caller) {
        return delegations_permit(directory_caller, reverted->rights);
    }
    enum permission permission =
        reverted->permission == PERMIT_MANAGE_OR_SELF ? PERMIT_MANAGE : reverted->permission;
    return authorization_permits(caller, permission) &&
           row->organization_id == (permission_is_of_organization(permission)
                                        ? caller->organization_id
                                        : row->organization_id);
}

/* --- revert ----------------------------------------------------------------------------------- */

struct error *revert_impossible(struct arena *arena, const char *field, enum fault_id fault)
{
    return error_detail(error_new(arena, ERR_NOT_REVERTIBLE, NULL), field, fault, NULL);
}

static bool has_secret(const struct changeset *changes)
{
    for (size_t i = 0; i < changes->count; i++) {
        if (!strcmp(changes->items[i].before, CHANGESET_SECRET) ||
            !strcmp(changes->items[i].after, CHANGESET_SECRET)) {
            return true;
        }
    }
    return false;
}

/* Parses the changes of the row. ERR_NOT_REVERTIBLE if they cannot be reverted. */
static struct error *parse_changes(struct arena *arena, struct reverted_row *row)
{
    struct recorded_changes *recorded = &row->recorded;
    if (strcmp(row->status, AUDIT_SUCCESS) != 0) {
        return revert_impossible(arena, "status", FAULT_NOT_SUCCESSFUL);
    }
    bool valid = changeset_read(arena, row->changes, recorded->resource, recorded->object_id,
                                &recorded->changes);
    if (!valid || !recorded->changes.count || (!row->directory && has_secret(&recorded->changes))) {
        return revert_impossible(arena, "changes", FAULT_NOT_RECORDED);
    }
    return NULL;
}

static void reply_with_changes(struct request *request, struct reply *reply)
{
    struct value *values = arena_array(request->arena, fields_count(reply_fields), sizeof *values);
    struct buffer text = {.arena = request->arena};
    struct jsonw json = {.out = &text};
    changeset_write(&json, NULL, &request->changes, 0, NULL, NULL);
    if (request->audit_row) {
        field_set_integer(fields_get(reply_fields, values, "id"), request->audit_row);
    }
    field_set_integer(fields_get(reply_fields, values, "reverts"), request->reverts);
    field_set_string(fields_get(reply_fields, values, "changes"), text.bytes);
    reply_record(reply, values);
}

struct error *revert_handle(struct request *request, struct reply *reply)
{
    struct reverted_row *row = arena_array(request->arena, 1, sizeof *row);
    struct error *error = read_reverted_row(request, row);
    if (error || !row->recorded.action) {
        return error;
    }
    const struct route *reverted = find_route_of_action(request, row->recorded.action);
    error = check_readable_row(request, row, reverted);
    if (error) {
        return error;
    }
    if (!reverted || !reverted->revert) {
        return revert_impossible(request->arena, "action", FAULT_NO_REVERT);
    }
    if (!may_make_call(request, row, reverted)) {
        return error_new(request->arena, ERR_FORBIDDEN, NULL);
    }
    if (row->directory && request->atomic) {
        return error_new(request->arena, ERR_NOT_BATCHABLE, NULL);
    }
    error = parse_changes(request->arena, row);
    if (error) {
        return error;
    }
    request->reverted_route = reverted;
    request->reverts = row->recorded.id;
    request->subject = *row->recorded.object_id ? row->recorded.object_id : NULL;
    error = reverted->revert(request, &row->recorded);
    if (!error) {
        reply_with_changes(request, reply);
    }
    return error;
}
