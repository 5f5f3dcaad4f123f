/* Revert: undoes a change by its audit record. */
#include "rest/revert.h"
#include "resources/resources.h"
#include "rest/records.h"

static const struct field revert_headers[] = {
    {.name = "X-Allow-Duplicate",
     .type = FIELD_BOOLEAN,
     .about = {"Допустить второй контакт с тем же адресом",
               "Permits a second contact with the same address"},
     .example = "true"},
    {.name = NULL},
};

const struct route revert_routes[] = {
    {.method = METHOD_POST,
     .pattern = "/api/v1/audit/{id}/revert",
     .path = records_path,
     .handler = revert_handle,
     .description = resources,
     .permission = PERMIT_PRINCIPAL,
     .scope = SCOPE_CLOSED,
     .pool = POOL_CORE,
     .summary = {"Отменить изменение", "Revert a change"},
     .about = {"Возвращает прежние значения, если после этого изменения их больше никто не менял. "
               "Требуется то же разрешение, что и для самого изменения; чтобы удалить или "
               "восстановить запись организации — `organization:delete`, а в каталоге — права и на "
               "обратное изменение. Удалённый объект каталога восстанавливается. Отмену тоже можно "
               "отменить: `id` — её запись аудита.",
               "Restores the previous values, if nothing has changed them since. Requires the "
               "permission of the change itself, and `organization:delete` if a record is deleted "
               "or restored; in the directory, the rights of the inverse change, too. A deleted "
               "entry of the directory is restored. A revert can be reverted, too: `id` is its "
               "audit record."},
     .headers = revert_headers,
     .may_change_directory = true,
     .dry_run = true,
     .shape = REPLY_RECORD,
     .reply = &revert_schema,
     .errors = revert_errors,
     .action = "revert",
     .resource_type = "audit",
     .resource = "id"},
    {.pattern = NULL},
};
