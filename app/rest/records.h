/*
 * Records: resources whose objects are rows that belong to an organization. This file has what they
 * share: list, get, create, update, soft delete, restore, versions, references, counters.
 *
 * Such a resource consists of a migration, the statements of one file in sql/, and a description: a
 * field map, and the rules of the resource. The map begins with RECORD_ID and ends with
 * RECORD_HISTORY. The fields in between are the resource's own; each is a column, and the maps of
 * request bodies contain those that clients may set. The statements have these parameters:
 *
 *   get     $1 organization, $2 id; selects the columns of the map, of deleted rows too
 *   insert  $1 organization, $2 time, $3 … own fields, the parameters that `bind` adds, the folded
 *           texts (base/folded.h); returns the id
 *   update  $1 organization, $2 time, $3 id, $4 time of deletion, $5 … as insert
 *
 * A change is one transaction. Its rules can read the row before and after the change, and can
 * modify the values to write. If the transaction is retried, the rules run again, so they must have
 * no effects outside of the database.
 */
#ifndef REST_RECORDS_H
#define REST_RECORDS_H

#include "auth/principal.h"
#include "http/reply.h"
#include "http/request.h"
#include "http/route.h"
#include "rest/counters.h"
#include "rest/lists.h"
#include "rest/record_fields.h"

#include <stdbool.h>

/* A change in progress. `before` and `after` have a value for each field of the map. */
struct record_change {
    struct request *request;
    const struct records *records;
    struct store *store;
    int64_t now;          /* wall clock, milliseconds */
    struct value *before; /* NULL: the record is created */
    struct value *after;
};

/* A field that is the id of another object. */
struct record_reference {
    const char *field;
    enum sql_statement find; /* selects a row if object $2 of organization $1 exists */
    enum fault_id fault;     /* fault of the field if the object does not exist */
};

struct records {
    const char *path; /* path of the collection in the API */
    const struct schema *schema;
    enum sql_statement get, insert, update;
    const struct list *list;
    const struct record_reference *references; /* a row without a field ends the table; or NULL */

    /* Rules of the resource; NULL: none. Those that return an error may reject the change.
     * may_change() is called before any change of the record, before_hide() before a deletion,
     * after_write() after every change. before_write() and, for a restore, before_restore() set
     * derived values. */
    struct error *(*may_change)(struct record_change *change);
    struct error *(*before_write)(struct record_change *change);
    struct error *(*before_hide)(struct record_change *change);
    struct error *(*before_restore)(struct record_change *change);
    struct error *(*after_write)(struct record_change *change);
    /* Binds further parameters of insert and update. */
    void (*bind)(const struct record_change *change, struct store_query *query);
    /* Adds the counter deltas of a row that is not deleted. */
    void (*add_deltas)(struct arena *arena, struct value *values, struct counter_deltas *deltas);
};

/* --- functions for rules ---------------------------------------------------------------------- */

/* Return a value of the row after the change, by the name of its field. */
struct value *record_value(const struct record_change *change, const char *name)
    __attribute__((returns_nonnull));
const char *record_string(const struct record_change *change, const char *name);

/* True if the change modifies the field. Always true for a record that is created. */
bool record_field_changed(const struct record_change *change, const char *name);

/* Sets the field to the caller's account if a record is created without it. */
void record_default_owner(struct record_change *change, const char *name);

/* An allowed change of a status. */
struct record_transition {
    const char *from, *to; /* NULL ends a table */
};

/* ERR_INVALID_TRANSITION, with the allowed statuses as details, unless the table `steps` allows the
 * change from the previous status to `status`. */
struct error *record_check_transition(const struct record_change *change,
                                      const struct record_transition *steps,
                                      const char *status) MUST_CHECK;

/* For handlers of a resource: handles a call that changes the record in the path in a way that no
 * handler below does. `apply` sets the new values in `after`, which starts as a copy of `before`.
 * If it returns ERR_VALIDATION, the rules are checked nevertheless, and all faults are reported
 * together. */
struct error *records_apply(struct request *request, struct reply *reply,
                            struct error *(*apply)(struct record_change *change)) MUST_CHECK;

/* --- handlers --------------------------------------------------------------------------------- */

route_handler records_list, records_get, records_create, records_update, records_delete,
    records_restore;

/* --- rows of routes ----------------------------------------------------------------------------
 * Each macro begins the row of one call; the resource adds the rest with designated initializers:
 *
 *   {RECORDS_CREATE_ROW(&contacts, "/api/v1/contacts", "contact", &contact_schema),
 *    .summary = {"Создать контакт", "Create a contact"}, .body = &create_schema,
 *    .errors = records_errors},
 *
 * Paths and types are string literals; the audit log names the type. A list row needs `.query`; the
 * rows of create, update, delete and restore need `.errors`. A resource whose objects cannot be
 * changed has no update row.
 */

/* Errors that the calls may return in addition to those that the row implies. Restoring also checks
 * the references of the object. A resource with rules of its own adds their errors to RECORD_ERRORS
 * in its own list. */
#define RECORD_ERRORS ERR_NOT_FOUND, ERR_DATABASE_UNAVAILABLE
extern const enum error_id records_errors[], records_restore_errors[];

extern const struct field records_path[]; /* path parameter id */

#define RECORDS_ROW(records_, method_, pattern_, handler_, permission_)                            \
    .method = (method_), .pattern = "" pattern_, .path = records_path, .handler = (handler_),      \
    .description = (records_), .adds_faults = true, .permission = (permission_), .pool = POOL_CORE

#define RECORDS_LIST_ROW(records_, path_, schema_)                                                 \
    RECORDS_ROW(records_, METHOD_GET, path_, records_list, PERMIT_READ),                           \
        .shape = REPLY_PAGE, .reply = (schema_), .errors = records_errors

#define RECORDS_GET_ROW(records_, path_, schema_)                                                  \
    RECORDS_ROW(records_, METHOD_GET, path_ "/{id}", records_get, PERMIT_READ),                    \
        .shape = REPLY_RECORD, .reply = (schema_), .versioned = true, .errors = records_errors

#define RECORDS_CREATE_ROW(records_, path_, type_, schema_)                                        \
    RECORDS_ROW(records_, METHOD_POST, path_, records_create, PERMIT_CREATE),                      \
        .shape = REPLY_RECORD, .reply = (schema_), .creates = true, .versioned = true,             \
        .action = "create_" type_, .resource_type = "" type_

#define RECORDS_UPDATE_ROW(records_, path_, type_, schema_)                                        \
    RECORDS_ROW(records_, METHOD_PATCH, path_ "/{id}", records_update, PERMIT_UPDATE),             \
        .shape = REPLY_RECORD, .reply = (schema_), .versioned = true, .action = "update_" type_,   \
        .resource_type = "" type_

#define RECORDS_DELETE_ROW(records_, path_, type_)                                                 \
    RECORDS_ROW(records_, METHOD_DELETE, path_ "/{id}", records_delete, PERMIT_DELETE),            \
        .about = {"Удалённый объект можно восстановить.", "A deleted object can be restored."},    \
        .shape = REPLY_NOTHING, .versioned = true, .action = "delete_" type_,                      \
        .resource_type = "" type_

#define RECORDS_RESTORE_ROW(records_, path_, type_, schema_)                                       \
    RECORDS_ROW(records_, METHOD_POST, path_ "/{id}/restore", records_restore, PERMIT_DELETE),     \
        .shape = REPLY_RECORD, .reply = (schema_), .versioned = true, .action = "restore_" type_,  \
        .resource_type = "" type_, .resource = "id"

#endif
