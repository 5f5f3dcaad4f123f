/*
 * Entries: what the resources have in common whose objects are entries of the directory.
 *
 * Such a resource is a description (struct entries), its field maps, and rows of routes that name
 * the handlers below: one more class of objects is one more description. What only one class has, a
 * password or members, stays in that resource's file.
 */
#ifndef REST_ENTRIES_H
#define REST_ENTRIES_H

#include "auth/principal.h"
#include "directory/directory.h"
#include "http/reply.h"
#include "http/route.h"
#include "rest/app.h"

/* Says what a body wants of an entry beside its attributes that are text or numbers, its name and
 * its place. */
typedef void entries_change(struct request *request, struct directory_changes *changes);

/* Follow-up work outside of the directory after a change of an entry. The change was made, or
 * its outcome is unknown. */
typedef void entries_changed(struct request *request, const struct directory_entry *entry);

/* A resource; static tables in resources/, named by the rows of its routes. */
struct entries {
    const struct directory_class *class; /* its name_attribute is a field of that name as well */
    const char *rdn_field;               /* of the bodies: what the entry is named by in the tree */
    entries_change *create, *update;     /* NULL: nothing more */
    entries_changed *updated, *deleted;  /* the same */
};

/* --- handlers, by `entries` of the route's row --------------------------------------------------
 * A name that several entries have is ERR_AMBIGUOUS unless ?parent_dn= chooses one of them. */

route_handler entries_list;
route_handler entries_get;
route_handler entries_create;
route_handler entries_update;
route_handler entries_delete;

/* --- maps and errors that their rows share ---------------------------------------------------- */

extern const struct field entries_list_query[];  /* search, skip, limit */
extern const struct field entries_place_query[]; /* parent_dn */
extern const struct field entries_path[];        /* all that their patterns name */

#define ENTRIES_UNAVAILABLE_ERRORS ERR_DIRECTORY_UNAVAILABLE, ERR_DIRECTORY_CREDENTIALS
#define ENTRIES_FIND_ERRORS                                                                        \
    ERR_NOT_FOUND, ERR_AMBIGUOUS, ERR_PARENT_NOT_FOUND, ENTRIES_UNAVAILABLE_ERRORS
#define ENTRIES_CHANGE_ERRORS                                                                      \
    ENTRIES_FIND_ERRORS, ERR_ALREADY_EXISTS, ERR_CONFLICT, ERR_DIRECTORY_INVALID,                  \
        ERR_DIRECTORY_REFUSED, ERR_DIRECTORY_FORBIDDEN, ERR_OUTCOME_UNKNOWN, ERR_RESULT_UNREAD

extern const enum error_id entries_list_errors[];
extern const enum error_id entries_read_errors[];
extern const enum error_id entries_create_errors[];
extern const enum error_id entries_update_errors[];
extern const enum error_id entries_delete_errors[];
extern const enum error_id entries_member_errors[]; /* of routes that change a membership */

/* --- rows of field maps ------------------------------------------------------------------------
 * Bounds are the schema's rangeUpper (MS-ADA1 to MS-ADA3); the directory counts UTF-16 units. */

#define ENTRY_TEXT(attribute_, max_, flags_, ru_, en_, example_)                                   \
    {                                                                                              \
        .name = (attribute_), .type = FIELD_STRING, .flags = (flags_), .min = 1, .max = (max_),    \
        .attribute = (attribute_), .codec = CODEC_TEXT, .about = {(ru_), (en_)},                   \
        .example = (example_)                                                                      \
    }

#define ENTRY_DESCRIPTION(example_)                                                                \
    ENTRY_TEXT("description", 1024, FIELD_NULLABLE, "Описание", "The description", example_)

#define ENTRY_BOOLEAN(name_, ru_, en_, example_)                                                   \
    {                                                                                              \
        .name = (name_), .type = FIELD_BOOLEAN, .about = {(ru_), (en_)}, .example = (example_)     \
    }

/* What the entry is named by, in bodies; it is bound to no attribute: the server sets that. */
#define ENTRY_NAME(name_, flags_, ru_, en_, example_)                                              \
    {                                                                                              \
        .name = (name_), .type = FIELD_STRING, .flags = FIELD_NAME | (flags_), .min = 1,           \
        .max = 64, .about = {(ru_), (en_)}, .example = (example_)                                  \
    }

#define ENTRY_PARENT(name_, flags_, example_)                                                      \
    {                                                                                              \
        .name = (name_), .type = FIELD_STRING, .flags = (flags_), .min = 1, .max = 4096,           \
        .check = directory_check_dn, .format = "dn",                                               \
        .about = {"DN родительского объекта", "The DN of the parent"}, .example = (example_)       \
    }

#define ENTRY_DN(example_)                                                                         \
    {                                                                                              \
        .name = "dn", .type = FIELD_STRING, .format = "dn", .codec = CODEC_DN,                     \
        .about = {"Уникальное имя", "The distinguished name"}, .example = (example_)               \
    }

#define ENTRY_GUID                                                                                 \
    {                                                                                              \
        .name = "objectGUID", .type = FIELD_STRING, .format = "uuid", .attribute = "objectGUID",   \
        .codec = CODEC_GUID,                                                                       \
        .about = {"Постоянный идентификатор", "The identifier that never changes"},                \
        .example = "\"a1f3c0de-5b1c-4b8e-9a55-0d3f7f1e2c11\""                                      \
    }

#define ENTRY_TIME(attribute_, ru_, en_)                                                           \
    {                                                                                              \
        .name = (attribute_), .type = FIELD_TIME, .attribute = (attribute_), .codec = CODEC_TIME,  \
        .about = {(ru_), (en_)}, .example = "\"2026-11-20T12:34:56.000Z\""                         \
    }

#define ENTRY_TIMES                                                                                \
    ENTRY_TIME("whenCreated", "Время создания", "When it was created"),                            \
        ENTRY_TIME("whenChanged", "Время последнего изменения", "When it was last changed")

/* --- rows of routes ----------------------------------------------------------------------------
 * Each macro begins the row of one call; the resource adds the rest with designated initializers:
 *
 *   {ENTRIES_CREATE_ROW(&ous, "/api/v1/ous", "ou", &ou_schema),
 *    .summary = {"Создать подразделение", "Create an organizational unit"}, .body = &create_schema,
 *    .errors = entries_create_errors},
 *
 * Paths, patterns and types are string literals; a pattern is the path with the parameter that names
 * the entry, and the audit log names the type. The rows of create and update need `.body` and
 * `.errors`.
 */

#define ENTRIES_READ_ROW(entries_)                                                                 \
    .description = (entries_), .path = entries_path, .permission = PERMIT_DIRECTORY_READ,          \
    .pool = POOL_DIRECTORY

#define ENTRIES_WRITE_ROW(entries_, verb_, type_)                                                  \
    .description = (entries_), .path = entries_path, .permission = PERMIT_DIRECTORY_WRITE,         \
    .pool = POOL_DIRECTORY, .action = verb_ "_" type_, .resource_type = type_

#define ENTRIES_LIST_ROW(entries_, path_, schema_)                                                 \
    .method = METHOD_GET, .pattern = (path_), .handler = entries_list, ENTRIES_READ_ROW(entries_), \
    .query = entries_list_query, .shape = REPLY_LIST, .reply = (schema_),                          \
    .errors = entries_list_errors

#define ENTRIES_GET_ROW(entries_, pattern_, schema_)                                               \
    .method = METHOD_GET, .pattern = (pattern_), .handler = entries_get,                           \
    ENTRIES_READ_ROW(entries_), .query = entries_place_query, .shape = REPLY_RECORD,               \
    .reply = (schema_), .errors = entries_read_errors

#define ENTRIES_CREATE_ROW(entries_, path_, type_, schema_)                                        \
    .method = METHOD_POST, .pattern = (path_), .handler = entries_create,                          \
    ENTRIES_WRITE_ROW(entries_, "create", type_), .shape = REPLY_RECORD, .reply = (schema_),       \
    .creates = true

#define ENTRIES_UPDATE_ROW(entries_, pattern_, type_, schema_)                                     \
    .method = METHOD_PATCH, .pattern = (pattern_), .handler = entries_update,                      \
    ENTRIES_WRITE_ROW(entries_, "update", type_), .query = entries_place_query,                    \
    .shape = REPLY_RECORD, .reply = (schema_)

#define ENTRIES_DELETE_ROW(entries_, pattern_, type_)                                              \
    .method = METHOD_DELETE, .pattern = (pattern_), .handler = entries_delete,                     \
    ENTRIES_WRITE_ROW(entries_, "delete", type_), .query = entries_place_query,                    \
    .shape = REPLY_NOTHING, .errors = entries_delete_errors

/* Begins the row of a call that adds or removes a member of a group; `group_` is the parameter of
 * the pattern that names the group. */
#define ENTRIES_MEMBER_ROW(method_, pattern_, group_, handler_, action_)                           \
    .method = (method_), .pattern = (pattern_), .path = entries_path, .handler = (handler_),       \
    .permission = PERMIT_DIRECTORY_WRITE, .pool = POOL_DIRECTORY, .query = entries_place_query,    \
    .errors = entries_member_errors, .action = (action_), .resource_type = "group",                \
    .resource = (group_)

#endif
