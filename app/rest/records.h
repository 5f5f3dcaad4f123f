/*
 * Records: resources whose objects are rows that belong to an organization. What they have in common
 * stands here: list, get, create, change, hide, bring back, versions, references, counters.
 *
 * Such a resource is a migration, the statements of one file in sql/, and a description: its field map,
 * and the rules that are its own. The map begins with RECORD_ID and ends with RECORD_HISTORY; what
 * stands between are its own fields, each a column, of which the maps of bodies name those that
 * clients set. The statements have these parameters:
 *
 *   get     $1 the organization, $2 the id; selects the columns of the map, hidden ones too
 *   insert  $1 the organization, $2 now, $3 … the own fields, and behind them what `bind` adds;
 *           returns the id
 *   update  $1 the organization, $2 now, $3 the id, $4 when it was hidden, $5 … as insert
 *
 * A change is one transaction. Its rules see the row before and after, may change what is written,
 * and run again from the beginning if the transaction does: they have no effect beside the database.
 */
#ifndef REST_RECORDS_H
#define REST_RECORDS_H

#include "auth/principal.h"
#include "http/reply.h"
#include "http/request.h"
#include "http/route.h"
#include "rest/counters.h"
#include "rest/lists.h"

#include <stdbool.h>

/* A change under way. The values are parallel to the map of the resource. */
struct record_change {
    struct request *request;
    const struct records *records;
    struct store *store;
    int64_t now;          /* wall clock, milliseconds */
    struct value *before; /* NULL: it is created */
    struct value *after;
};

/* A field that is the id of another object. */
struct record_reference {
    const char *field;
    enum sql_statement find; /* by $1 the organization and $2 the id, a row if it is there */
    enum fault_id fault;     /* if it is not */
};

struct records {
    const char *path; /* of the collection */
    const struct schema *schema;
    enum sql_statement get, insert, update;
    const struct list *list;
    const struct record_reference *references; /* a row without a field ends; NULL: none */

    /* The rules; NULL where there are none. */
    struct error *(*may_change)(struct record_change *change); /* whether the caller may, at all */
    struct error *(*before_write)(
        struct record_change *change); /* sets what clients do not, refuses */
    struct error *(*before_hide)(struct record_change *change);    /* refuses */
    struct error *(*before_restore)(struct record_change *change); /* as before_write */
    /* Further rows; after hiding and bringing back, too. */
    struct error *(*after_write)(struct record_change *change);
    void (*bind)(const struct record_change *change, struct store_query *query);
    /* What a visible row adds to the counters. */
    void (*add_deltas)(struct arena *arena, struct value *values, struct counter_deltas *deltas);
};

/* --- for rules ------------------------------------------------------------------------------- */

/* Values of the row after the change, by the names of the map. */
struct value *record_value(const struct record_change *change, const char *name)
    __attribute__((returns_nonnull));
const char *record_string(const struct record_change *change, const char *name);

/* Whether the change makes a field another one than it was; true of everything in what is created. */
bool record_changes(const struct record_change *change, const char *name);

/* In what is created, an account that was not chosen is the caller's. */
void record_default_owner(struct record_change *change, const char *name);

/* One step that a status may take. */
struct record_step {
    const char *from, *to; /* NULL ends a table */
};

/* ERR_INVALID_TRANSITION, with those that are allowed, unless `status` is a step from what the status
 * was. */
struct error *record_check_step(const struct record_change *change, const struct record_step *steps,
                                const char *status) MUST_CHECK;

/* Changes the object that the path names in a transaction of its own, and answers with it: for calls
 * beside the five. `apply` sets the values of `after`, which are as they were; the rules follow, also
 * where it finds a fault. */
struct error *records_apply(struct request *request, struct reply *reply,
                            struct error *(*apply)(struct record_change *change)) MUST_CHECK;

/* --- handlers -------------------------------------------------------------------------------- */

/* Returns the description of a record's route, NULL for other routes. */
const struct records *records_of(const struct route *route);

route_handler records_list, records_get, records_create, records_update, records_delete,
    records_restore;

/* --- rows of field maps ---------------------------------------------------------------------- */

#define RECORD_ID                                                                                  \
    {                                                                                              \
        .name = "id", .type = FIELD_INTEGER, .about = {"Идентификатор", "The id"}, .example = "42" \
    }

#define RECORD_TIME(name_, flags_, ru_, en_)                                                       \
    {                                                                                              \
        .name = (name_), .type = FIELD_TIME, .flags = (flags_), .about = {(ru_), (en_)},           \
        .example = "\"2026-11-20T12:34:56.789Z\""                                                  \
    }

#define RECORD_HISTORY                                                                             \
    RECORD_TIME("created_at", 0, "Время создания", "When it was created"),                         \
        RECORD_TIME("updated_at", 0, "Время последнего изменения", "When it was last changed"),    \
        {.name = "version",                                                                        \
         .type = FIELD_INTEGER,                                                                    \
         .about = {"Число изменений", "Counts the changes"},                                       \
         .example = "1"},                                                                          \
        RECORD_TIME("deleted_at", FIELD_INTERNAL, "Время удаления", "When it was hidden")

/* A line of text, and a text of several lines. */
#define RECORD_LINE(name_, flags_, max_, ru_, en_, example_)                                       \
    {                                                                                              \
        .name = (name_), .type = FIELD_STRING, .flags = FIELD_NAME | (flags_), .min = 1,           \
        .max = (max_), .about = {(ru_), (en_)}, .example = (example_)                              \
    }

#define RECORD_TEXT(name_, flags_, ru_, en_, example_)                                             \
    {                                                                                              \
        .name = (name_), .type = FIELD_STRING, .flags = (flags_), .min = 1, .max = 10000,          \
        .about = {(ru_), (en_)}, .example = (example_)                                             \
    }

/* Whether a text is a date; either that or a time: the checks of the fields below. */
enum fault_id record_check_date(const char *text, size_t length);
enum fault_id record_check_moment(const char *text, size_t length);

#define RECORD_DATE(name_, flags_, ru_, en_)                                                       \
    {                                                                                              \
        .name = (name_), .type = FIELD_STRING, .flags = (flags_), .max = 10,                       \
        .check = record_check_date, .format = "date", .about = {(ru_), (en_)},                     \
        .example = "\"2026-11-20\""                                                                \
    }

#define RECORD_MOMENT(name_, flags_, ru_, en_)                                                     \
    {                                                                                              \
        .name = (name_), .type = FIELD_STRING, .flags = (flags_), .max = 64,                       \
        .check = record_check_moment, .format = "moment", .about = {(ru_), (en_)},                 \
        .example = "\"2026-11-20\""                                                                \
    }

/* One of a table of choices. */
#define RECORD_CHOICE(name_, flags_, choices_, ru_, en_, example_)                                 \
    {                                                                                              \
        .name = (name_), .type = FIELD_STRING, .flags = (flags_), .choices = (choices_),           \
        .about = {(ru_), (en_)}, .example = (example_)                                             \
    }

/* The id of another object, as a field and as a filter. */
#define RECORD_REFERENCE(name_, flags_, ru_, en_)                                                  \
    {                                                                                              \
        .name = (name_), .type = FIELD_INTEGER, .flags = (flags_), .min = 1, .max = INT64_MAX,     \
        .about = {(ru_), (en_)}, .example = "17"                                                   \
    }

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

extern const struct field records_path[]; /* id */

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
