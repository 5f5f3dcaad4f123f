/*
 * Reading of the audit (rest/audit.h): the list of rows, one row, and the history of an object,
 * which is the rows whose resource and resource_id are those of the object.
 *
 * The local administrator reads all rows, directory administrators those of the directory, and an
 * OWNER or ADMIN those of the organization. The rows of others do not exist for them.
 *
 * Lists are in descending order of ids. They have no total: counting ten million rows takes
 * seconds.
 */
#ifndef REST_AUDIT_LIST_H
#define REST_AUDIT_LIST_H

#include "http/reply.h"
#include "http/route.h"
#include "rest/app.h"
#include "rest/paging.h"

extern const struct schema audit_list_schema;
extern const struct field audit_list_query[], audit_list_history_query[];
extern const enum error_id audit_list_errors[], audit_list_history_errors[];

route_handler audit_list; /* GET /audit */
route_handler audit_get;  /* GET /audit/{id} */

/* An object, for its history. */
struct audit_object {
    const char *id; /* id of a row, or objectGUID, as in the rows of the audit */
    /* Called if the object has no rows. ERR_NOT_FOUND if the object does not exist. NULL: an object
     * without rows is not found. */
    struct error *(*check)(struct request *request);
};

/* Replies with a page of the history of an object, whose type is the resource_type of the route.
 * ERR_NOT_FOUND if it has no rows that the caller may read, and does not exist. */
struct error *audit_list_reply_history(struct request *request, struct reply *reply,
                                       const struct audit_object *object) MUST_CHECK;

/* The history of an object whose id in the audit is the `resource` of the route's path. An object
 * without rows is not found. */
route_handler audit_list_history;

/* The query of a history. There is no offset: a page takes longer the larger its offset is. */
#define AUDIT_QUERY_FIELDS(sorts_, example_)                                                       \
    QUERY_LIMIT(LIMIT_STANDARD), QUERY_AFTER, QUERY_FIELDS, QUERY_FILTER, QUERY_EXPLAIN,           \
        QUERY_SORT("", "", sorts_, example_)
#define AUDIT_HISTORY_QUERY_FIELDS AUDIT_QUERY_FIELDS("`id`", "-id")

/* The members that the rows of all histories share. `pattern_` is the path of the object, and
 * `placeholder_` the parameter that names it. */
#define AUDIT_HISTORY_COMMON(pattern_, type_, placeholder_)                                        \
    .method = METHOD_GET, .pattern = pattern_ "/history", .scope = SCOPE_AUDIT_READ,               \
    .pool = POOL_DIRECTORY, .shape = REPLY_PAGE, .reply = &audit_list_schema,                      \
    .resource_type = (type_), .resource = (placeholder_)

/* Begins the row of the history of an object. The resource adds `.path` and `.summary`. */
#define AUDIT_HISTORY_ROW(pattern_, type_, placeholder_)                                           \
    AUDIT_HISTORY_COMMON(pattern_, type_, placeholder_),                                           \
        .handler = audit_list_history, .permission = PERMIT_AUDIT,                                 \
        .query = audit_list_history_query, .errors = audit_list_history_errors

#endif
