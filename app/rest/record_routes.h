/*
 * Rows of the routes of records (rest/records.h).
 *
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
#ifndef REST_RECORD_ROUTES_H
#define REST_RECORD_ROUTES_H

#include "rest/audit_list.h"
#include "rest/record_revert.h"
#include "rest/records.h"

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
        .dry_run = true, .shape = REPLY_RECORD, .reply = (schema_), .creates = true,               \
        .versioned = true, .action = "create_" type_, .resource_type = "" type_,                   \
        .revert = record_revert

#define RECORDS_UPDATE_ROW(records_, path_, type_, schema_)                                        \
    RECORDS_ROW(records_, METHOD_PATCH, path_ "/{id}", records_update, PERMIT_UPDATE),             \
        .dry_run = true, .shape = REPLY_RECORD, .reply = (schema_), .versioned = true,             \
        .action = "update_" type_, .resource_type = "" type_, .revert = record_revert

#define RECORDS_DELETE_ROW(records_, path_, type_)                                                 \
    RECORDS_ROW(records_, METHOD_DELETE, path_ "/{id}", records_delete, PERMIT_DELETE),            \
        .about = {"Удалённый объект можно восстановить.", "A deleted object can be restored."},    \
        .dry_run = true, .shape = REPLY_NOTHING, .versioned = true, .action = "delete_" type_,     \
        .resource_type = "" type_, .revert = record_revert

/* Only for OWNER and ADMIN: the rows have the addresses of callers, and values that were removed
 * from the record, which the other roles see nowhere else. */
#define RECORDS_HISTORY_ROW(records_, path_, type_)                                                \
    AUDIT_HISTORY_COMMON(path_ "/{id}", "" type_, "id"),                                           \
        .handler = records_history, .path = records_path, .description = (records_),               \
        .permission = PERMIT_AUDIT, .query = audit_list_history_query,                             \
        .errors = audit_list_history_errors

#define RECORDS_RESTORE_ROW(records_, path_, type_, schema_)                                       \
    RECORDS_ROW(records_, METHOD_POST, path_ "/{id}/restore", records_restore, PERMIT_DELETE),     \
        .dry_run = true, .shape = REPLY_RECORD, .reply = (schema_), .versioned = true,             \
        .action = "restore_" type_, .resource_type = "" type_, .resource = "id",                   \
        .revert = record_revert

#endif
