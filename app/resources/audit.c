/* Audit: the records of all changes, with the values before and after. */
#include "resources/resources.h"
#include "rest/audit_list.h"

static const struct field path_fields[] = {
    {.name = "id",
     .type = FIELD_INTEGER,
     .flags = FIELD_REQUIRED,
     .min = 1,
     .max = INT64_MAX,
     .about = {"Номер записи", "The number of the record"},
     .example = "42"},
    {.name = NULL},
};

#define PATH "/api/v1/audit"

#define AUDIT_ROW(pattern_, handler_)                                                              \
    .method = METHOD_GET, .pattern = (pattern_), .handler = (handler_),                            \
    .permission = PERMIT_AUDIT, .scope = SCOPE_AUDIT_READ, .pool = POOL_DIRECTORY,                 \
    .reply = &audit_list_schema

const struct route audit_routes[] = {
    {AUDIT_ROW(PATH, audit_list), .summary = {"Получить записи аудита", "List the audit records"},
     .about = {"Новые записи первыми, без общего числа. Записи одного объекта быстрее всего "
               "возвращает вызов `history` этого объекта.",
               "The newest records first, without a total. The fastest way to the records of one "
               "object is the call `history` of that object."},
     .query = audit_list_query, .shape = REPLY_PAGE, .errors = audit_list_errors},
    {AUDIT_ROW(PATH "/{id}", audit_get), .path = path_fields,
     .summary = {"Получить запись аудита", "Get an audit record"}, .shape = REPLY_RECORD,
     .errors = audit_list_history_errors},
    {.pattern = NULL},
};
