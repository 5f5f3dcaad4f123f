/*
 * Entries: resources whose objects are entries of the directory. This file has what they share.
 *
 * Such a resource consists of a description (struct entries), its field maps, and rows of routes
 * that name the handlers below. Code for one class of objects only, such as passwords or members,
 * is in the file of that resource.
 */
#ifndef REST_ENTRIES_H
#define REST_ENTRIES_H

#include "auth/principal.h"
#include "base/right.h"
#include "directory/directory.h"
#include "http/reply.h"
#include "http/route.h"
#include "rest/app.h"
#include "rest/entry_fields.h"

/* Adds the changes that a request body requires and that its field map cannot express. */
typedef void entries_change(struct request *request, struct directory_changes *changes);

/* Checks the references of a request body to other entries, and replaces them in the body by the
 * values that the directory stores. */
typedef struct error *entries_resolve(struct request *request);

/* Does follow-up work outside of the directory. The entry was changed, or may have been changed. */
typedef void entries_changed(struct request *request, const struct directory_entry *entry);

/* The description of a resource, to which the rows of its routes refer. */
struct entries {
    /* class of the entries; its name_attribute must be the name of a field, too */
    const struct directory_class *class;
    /* field of the request bodies that contains the name for the entry's RDN */
    const char *rdn_field;
    entries_resolve *resolve;        /* NULL: bodies have no references */
    entries_change *create, *update; /* NULL: no further changes */
    entries_changed *updated;        /* NULL: no follow-up work */
    bool ends_sessions;              /* the entries are users, whose sessions end with them */
};

/* Ends the sessions of a user at once; if that fails, the housekeeper ends them later. */
void entries_end_sessions(struct request *request, const char *guid);

/* --- handlers of routes with `entries` ----------------------------------------------------------
 * A name that several entries have is ERR_AMBIGUOUS unless ?parent_dn= selects one of them. */

route_handler entries_list;
route_handler entries_get;
route_handler entries_create;
route_handler entries_update;
route_handler entries_delete;      /* ERR_NOT_EMPTY if there are objects below the entry */
route_handler entries_delete_tree; /* also deletes the objects below if ?children=true */

/* Finds the entry that the path names; only a GET reads its member and memberOf. */
struct error *entries_find(struct request *request, struct directory_entry **entry_r) MUST_CHECK;

/* Reads ?filter= over the fields of the items; leaves *filter_r alone if there is none. Only those
 * who may change the directory may use ?explain=. */
struct error *entries_read_filter(const struct request *request, const struct field *fields,
                                  const struct filter **filter_r) MUST_CHECK;

/* Returns the search of a page as JSON, for ?explain=. */
const char *entries_explain(struct arena *arena, const struct directory_page *page);

/* Makes the changes depend on the conditions of the request, such as If-Match, if it has any. */
void entries_set_condition(struct request *request, struct directory_changes *changes);

/* Returns the conditions of the request for an entry of the class; NULL if it has none. */
const struct directory_guard *entries_guard(struct request *request,
                                            const struct directory_class *class);

/* Changes a membership, see directory_change_member(), and records the DNs for the audit log. */
struct error *entries_change_member(struct request *request,
                                    const struct directory_membership *membership,
                                    struct directory_entry **group_r,
                                    struct directory_entry **member_r) MUST_CHECK;

/* --- maps and errors of their routes ---------------------------------------------------------- */

extern const struct field entries_list_query[];        /* query parameters of lists */
extern const struct field entries_place_query[];       /* query parameter parent_dn */
extern const struct field entries_delete_tree_query[]; /* parent_dn, children */
extern const struct field entries_path[];              /* parameters of all patterns */

#define ENTRIES_UNAVAILABLE_ERRORS ERR_DIRECTORY_UNAVAILABLE, ERR_DIRECTORY_CREDENTIALS
#define ENTRIES_FIND_ERRORS                                                                        \
    ERR_NOT_FOUND, ERR_AMBIGUOUS, ERR_PARENT_NOT_FOUND, ERR_DIRECTORY_REFUSED,                     \
        ERR_DIRECTORY_LIMIT, ENTRIES_UNAVAILABLE_ERRORS
#define ENTRIES_CHANGE_ERRORS                                                                      \
    ENTRIES_FIND_ERRORS, ERR_ALREADY_EXISTS, ERR_CONFLICT, ERR_DIRECTORY_INVALID,                  \
        ERR_DIRECTORY_FORBIDDEN, ERR_OUTCOME_UNKNOWN, ERR_RESULT_UNREAD
/* errors of changes that wait for other changes of the same entry */
#define ENTRIES_UPDATE_ERRORS ENTRIES_CHANGE_ERRORS, ERR_OVERLOADED

extern const enum error_id entries_list_errors[];
extern const enum error_id entries_read_errors[];
extern const enum error_id entries_create_errors[];
extern const enum error_id entries_update_errors[];
extern const enum error_id entries_delete_errors[];
extern const enum error_id entries_delete_tree_errors[];
extern const enum error_id entries_member_errors[]; /* errors of routes that change a membership */

/* --- rows of routes ----------------------------------------------------------------------------
 * Each macro begins the row of one call; the resource adds the rest with designated initializers:
 *   {ENTRIES_CREATE_ROW(&ous, "/api/v1/ous", "ou", &ou_schema),
 *    .summary = {"Создать подразделение", "Create an organizational unit"}, .body = &create_schema,
 *    .errors = entries_create_errors},
 * Paths, patterns and types are string literals; a pattern is the path with the parameter that
 * names the entry, and the audit log names the type. The rows of create and update need `.body` and
 * `.errors`.
 */

#define ENTRIES_READ_ROW(entries_)                                                                 \
    .description = (entries_), .path = entries_path, .permission = PERMIT_DIRECTORY_READ,          \
    .rights = RIGHT_BIT(RIGHT_READ), .pool = POOL_DIRECTORY

#define ENTRIES_WRITE_ROW(entries_, verb_, type_, rights_)                                         \
    .description = (entries_), .path = entries_path, .permission = PERMIT_DIRECTORY_WRITE,         \
    .rights = (rights_), .pool = POOL_DIRECTORY, .action = verb_ "_" type_, .resource_type = type_

#define ENTRIES_LIST_ROW(entries_, path_, schema_)                                                 \
    .method = METHOD_GET, .pattern = (path_), .handler = entries_list, ENTRIES_READ_ROW(entries_), \
    .query = entries_list_query, .shape = REPLY_LIST, .reply = (schema_),                          \
    .errors = entries_list_errors

#define ENTRIES_GET_ROW(entries_, pattern_, schema_)                                               \
    .method = METHOD_GET, .pattern = (pattern_), .handler = entries_get,                           \
    ENTRIES_READ_ROW(entries_), .query = entries_place_query, .shape = REPLY_RECORD,               \
    .reply = (schema_), .versioned = true, .errors = entries_read_errors

/* The rights that changes of entries require, each for some fields. */
#define ENTRIES_UPDATE_RIGHTS                                                                      \
    (RIGHT_BIT(RIGHT_UNLOCK) | RIGHT_BIT(RIGHT_RESET_PASSWORD) | RIGHT_BIT(RIGHT_ENABLE) |         \
     RIGHT_BIT(RIGHT_UPDATE) | RIGHT_BIT(RIGHT_MOVE))

#define ENTRIES_CREATE_ROW(entries_, path_, type_, schema_)                                        \
    .method = METHOD_POST, .pattern = (path_), .handler = entries_create,                          \
    ENTRIES_WRITE_ROW(entries_, "create", type_, RIGHT_BIT(RIGHT_CREATE)), .shape = REPLY_RECORD,  \
    .reply = (schema_), .creates = true, .versioned = true

#define ENTRIES_UPDATE_ROW(entries_, pattern_, type_, schema_)                                     \
    .method = METHOD_PATCH, .pattern = (pattern_), .handler = entries_update,                      \
    ENTRIES_WRITE_ROW(entries_, "update", type_, ENTRIES_UPDATE_RIGHTS),                           \
    .query = entries_place_query, .shape = REPLY_RECORD, .reply = (schema_), .versioned = true

/* Deletion route of entries that must be empty, because they hold entries of other kinds. */
#define ENTRIES_DELETE_ROW(entries_, pattern_, type_)                                              \
    .method = METHOD_DELETE, .pattern = (pattern_), .handler = entries_delete,                     \
    ENTRIES_WRITE_ROW(entries_, "delete", type_, RIGHT_BIT(RIGHT_DELETE)),                         \
    .query = entries_place_query, .shape = REPLY_NOTHING, .versioned = true,                       \
    .errors = entries_delete_errors

/* Deletion route of entries that may have objects of their own below them, such as phones. */
#define ENTRIES_DELETE_TREE_ROW(entries_, pattern_, type_)                                         \
    .method = METHOD_DELETE, .pattern = (pattern_), .handler = entries_delete_tree,                \
    ENTRIES_WRITE_ROW(entries_, "delete", type_, RIGHT_BIT(RIGHT_DELETE)),                         \
    .query = entries_delete_tree_query, .shape = REPLY_NOTHING, .versioned = true,                 \
    .errors = entries_delete_tree_errors

#define ENTRIES_DELETE_TREE_ABOUT                                                                  \
    .about = {"Вложенные объекты, например телефоны, "             \
              "удаляются только с children=true.",                                                 \
              "Objects below, such as phones, are deleted only with children=true."}

/* Begins the row of a call that adds or removes a member of a group; `group_` is the parameter of
 * the pattern that names the group. */
#define ENTRIES_MEMBER_ROW(method_, pattern_, group_, handler_, action_)                           \
    .method = (method_), .pattern = (pattern_), .path = entries_path, .handler = (handler_),       \
    .permission = PERMIT_DIRECTORY_WRITE, .rights = RIGHT_BIT(RIGHT_MEMBERS),                      \
    .pool = POOL_DIRECTORY, .query = entries_place_query, .errors = entries_member_errors,         \
    .action = (action_), .resource_type = "group", .resource = (group_), .versioned = true

#endif
