/* Deleted: the deleted entries of the directory, which can be restored for some time. */
#include "base/arena.h"
#include "resources/resources.h"
#include "rest/computed_list.h"
#include "rest/entries.h"
#include "rest/membership_report.h"
#include "rest/restoration.h"

#include <string.h>

/* --- field maps ------------------------------------------------------------------------------ */

static const char *const kinds[] = {"user", "group", "computer", "ou", "container", NULL};
static const char recycled[] = "RECYCLED";
static const char *const reasons[] = {recycled, NULL};

enum deleted_field {
    DELETED_GUID,
    DELETED_NAME,
    DELETED_KIND,
    DELETED_ACCOUNT,
    DELETED_PARENT,
    DELETED_PARENT_EXISTS,
    DELETED_AT,
    DELETED_RESTORABLE,
    DELETED_REASON,
    DELETED_FIELDS
};

static const struct field deleted_fields[] = {
    [DELETED_GUID] = {.name = "objectGUID",
                      .type = FIELD_STRING,
                      .format = "uuid",
                      .about = {"Постоянный идентификатор", "The permanent identifier"},
                      .example = "\"a1f3c0de-5b1c-4b8e-9a55-0d3f7f1e2c11\""},
    [DELETED_NAME] = {.name = "name",
                      .type = FIELD_STRING,
                      .about = {"Название (RDN) до удаления",
                                "The name (the RDN) before the deletion"},
                      .example = "\"Иван Петров\""},
    [DELETED_KIND] = {.name = "kind",
                      .type = FIELD_STRING,
                      .choices = kinds,
                      .about = {"Вид объекта", "The kind of the entry"},
                      .example = "\"user\""},
    [DELETED_ACCOUNT] = {.name = "sAMAccountName",
                         .type = FIELD_STRING,
                         .flags = FIELD_NULLABLE,
                         .about = {"Имя учётной записи", "The account name"},
                         .example = "\"i.petrov\""},
    [DELETED_PARENT] = {.name = "lastKnownParent",
                        .type = FIELD_STRING,
                        .flags = FIELD_NULLABLE,
                        .format = "dn",
                        .about = {"DN родительского объекта; если удалён и он, то его прежний DN",
                                  "The DN of the parent; if that is deleted too, its former DN"},
                        .example = "\"OU=Staff,DC=kontora,DC=test\""},
    [DELETED_PARENT_EXISTS] = {.name = "parent_exists",
                               .type = FIELD_BOOLEAN,
                               .about = {"false — родительский объект тоже удалён: восстановите "
                                         "сначала его или укажите parent_dn",
                                         "False if the parent is deleted too: restore it first, or "
                                         "specify parent_dn"},
                               .example = "true"},
    [DELETED_AT] = {.name = "deleted_at",
                    .type = FIELD_TIME,
                    .about = {"Время удаления", "The time of the deletion"},
                    .example = "\"2026-11-20T12:34:56.000Z\""},
    [DELETED_RESTORABLE] = {.name = "restorable",
                            .type = FIELD_BOOLEAN,
                            .about = {"Объект можно восстановить",
                                      "True if the entry can be restored"},
                            .example = "true"},
    [DELETED_REASON] = {.name = "reason",
                        .type = FIELD_STRING,
                        .flags = FIELD_NULLABLE,
                        .choices = reasons,
                        .about = {"Почему восстановить нельзя; RECYCLED — каталог уже стёр "
                                  "содержимое объекта",
                                  "The reason why it cannot; RECYCLED: the directory has erased "
                                  "the content of the entry"},
                        .example = "null"},
    [DELETED_FIELDS] = {.name = NULL},
};

static const struct field list_query[] = {
    {.name = "search",
     .type = FIELD_STRING,
     .max = PAGING_SEARCH_MAX,
     .about = {"Слова или части слов из названия или имени учётной записи",
               "Words, or parts of words, of the name or the account name"},
     .example = "\"петров\""},
    QUERY_SKIP,
    QUERY_LIMIT(LIMIT_STANDARD),
    QUERY_FIELDS,
    COMPUTED_LIST_SORT("сначала удалённые последними", "the newest deletion first",
                       "`objectGUID`, `name`, `kind`, `sAMAccountName`, `lastKnownParent`, "
                       "`parent_exists`, `deleted_at`, `restorable`, `reason`",
                       "-deleted_at"),
    QUERY_FILTER,
    QUERY_EXPLAIN,
    {.name = NULL},
};

static const struct field restore_path[] = {
    {.name = "guid",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .format = "uuid",
     .about = {"objectGUID удалённого объекта", "The objectGUID of the deleted entry"},
     .example = "\"a1f3c0de-5b1c-4b8e-9a55-0d3f7f1e2c11\""},
    {.name = NULL},
};

static const struct field restore_fields[] = {
    ENTRY_PARENT("parent_dn", 0, "\"OU=Staff,DC=kontora,DC=test\""),
    ENTRY_NAME("name", 0, "Новое название (RDN), если прежнее занято",
               "A new name (the RDN), if the former one is taken", "\"Иван Петров\""),
    {.name = "sAMAccountName",
     .type = FIELD_STRING,
     .flags = FIELD_NAME | FIELD_VISIBLE,
     .min = 1,
     .max = 256,
     .check = directory_check_account_name,
     .about = {"Новое имя учётной записи, если прежнее занято",
               "A new account name, if the former one is taken"},
     .example = "\"i.petrov\""},
    {.name = NULL},
};

enum restored_field {
    RESTORED_DN,
    RESTORED_GUID,
    RESTORED_RESTORED,
    RESTORED_LOST,
    RESTORED_MISSING
};

#define MISSING_FIELD                                                                              \
    {                                                                                              \
        .name = "missing_memberships", .type = FIELD_RECORDS, .fields = membership_report_skipped, \
        .about =                                                                                   \
            {"Группы и участники, членство которых не восстановлено, и код причины",               \
             "The groups and members whose memberships were not given back, each with the code "   \
             "of the reason"},                                                                     \
        .example = "[]"                                                                            \
    }

static const struct field missing_field = MISSING_FIELD;

static const struct field restored_fields[] = {
    [RESTORED_DN] = ENTRY_DN("\"CN=Иван Петров,OU=Staff,DC=kontora,DC=test\""),
    [RESTORED_GUID] = ENTRY_GUID,
    [RESTORED_RESTORED] = {.name = "restored",
                           .type = FIELD_STRINGS,
                           .about = {"Поля, значения которых восстановлены",
                                     "The fields whose values are restored"},
                           .example = "[\"cn\",\"sAMAccountName\"]"},
    [RESTORED_LOST] = {.name = "lost",
                       .type = FIELD_STRINGS,
                       .about = {"Поля, значения которых утрачены или могли быть утрачены",
                                 "The fields whose values are lost, or may have been lost"},
                       .example = "[\"password\",\"memberOf\"]"},
    [RESTORED_MISSING] = MISSING_FIELD,
    {.name = NULL},
};

static const struct schema deleted_schema = {"DeletedEntry", deleted_fields};
static const struct schema restore_schema = {"EntryRestore", restore_fields};
static const struct schema restored_schema = {"RestoredEntry", restored_fields};

/* --- the list -------------------------------------------------------------------------------- */

static struct value *deleted_values(struct arena *arena, const struct directory_deleted *deleted)
{
    struct value *values = arena_array(arena, DELETED_FIELDS, sizeof *values);
    field_set_string(&values[DELETED_GUID], deleted->guid);
    field_set_string(&values[DELETED_NAME], deleted->name);
    field_set_string(&values[DELETED_KIND], deleted->kind);
    field_set_string(&values[DELETED_ACCOUNT], deleted->account);
    field_set_string(&values[DELETED_PARENT], deleted->parent_dn);
    field_set_boolean(&values[DELETED_PARENT_EXISTS], deleted->parent_exists);
    field_set_integer(&values[DELETED_AT], deleted->deleted_at);
    field_set_boolean(&values[DELETED_RESTORABLE], !deleted->is_recycled);
    field_set_string(&values[DELETED_REASON], deleted->is_recycled ? recycled : NULL);
    return values;
}

static struct error *list_deleted(struct request *request, struct reply *reply)
{
    struct arena *arena = request->arena;
    struct directory_deleted *deleted = NULL;
    struct computed_list list;
    size_t count = 0;
    struct error *error = computed_list_read(request, deleted_fields, &list);
    if (!error) {
        error = directory_list_deleted(app_of(request)->directory, arena,
                                       request_query_string(request, "search"), &deleted, &count);
    }
    if (error) {
        return error;
    }
    struct value **items = arena_array(arena, count, sizeof *items);
    for (size_t i = 0; i < count; i++) {
        items[i] = deleted_values(arena, &deleted[i]);
    }
    error = computed_list_apply(request, &list, items, &count);
    if (error) {
        return error;
    }
    int64_t skip = request_query_integer(request, "skip");
    int64_t limit = request_query_integer(request, "limit");
    size_t first = (uint64_t)skip < count ? (size_t)skip : count;
    size_t shown = (uint64_t)limit < count - first ? (size_t)limit : count - first;
    reply_list(reply, items + first, shown, (int64_t)count, skip, limit);
    reply->explain = list.explain;
    return NULL;
}

/* --- restores -------------------------------------------------------------------------------- */

/* Returns the class of the entries of a kind: that of the resource whose changes have this type in
 * the audit log. */
static const struct directory_class *find_class(const char *kind)
{
    for (const struct resource *resource = resources; resource->routes; resource++) {
        for (const struct route *route = resource->routes; route->pattern; route++) {
            if (route->handler == entries_update && !strcmp(route->resource_type, kind)) {
                const struct entries *entries = route->description;
                return entries->class;
            }
        }
    }
    return NULL;
}

/* Returns the new account name; that of a computer ends with "$". */
static const char *choose_account(struct request *request, const char *kind)
{
    const char *account = request_body_string(request, "sAMAccountName");
    bool complete = account && account[strlen(account) - 1] == '$';
    return account && !complete && !strcmp(kind, "computer")
               ? arena_format(request->arena, "%s$", account)
               : account;
}

static bool is_account_kind(const char *kind)
{
    return !strcmp(kind, "user") || !strcmp(kind, "computer");
}

static struct value list_missing(struct arena *arena, const struct directory_restored *restored)
{
    struct membership_report report = membership_report_new(arena, restored->missing_count);
    struct value value;
    for (size_t i = 0; i < restored->missing_count; i++) {
        membership_report_add_skipped(&report, restored->missing[i].dn, restored->missing[i].error);
    }
    field_set_records(&value, report.skipped, report.skipped_count);
    return value;
}

/* Adds the memberships that were not given back to the audit row, or to the reply to a dry run. */
static void record_missing(struct request *request, const struct directory_deleted *entry,
                           const struct directory_restored *restored)
{
    const struct value missing = list_missing(request->arena, restored);
    bool is_planned = request->changes.count; /* otherwise nothing was announced */
    if (restored->missing_count && is_planned) {
        changeset_add_value(&request->changes, request->arena, entry->kind, entry->guid,
                            &missing_field, NULL, &missing);
    }
}

static void set_restored(struct request *request, struct reply *reply,
                         const struct directory_restored *restored,
                         const struct restoration_report *report)
{
    struct value *values =
        arena_array(request->arena, fields_count(restored_fields), sizeof *values);
    field_set_string(&values[RESTORED_DN], restored->entry->dn);
    field_set_string(&values[RESTORED_GUID], restored->entry->guid);
    field_set_strings(&values[RESTORED_RESTORED], report->restored.items, report->restored.count);
    field_set_strings(&values[RESTORED_LOST], report->lost.items, report->lost.count);
    values[RESTORED_MISSING] = list_missing(request->arena, restored);
    reply_record(reply, values);
}

/* Finds the entry. An entry that exists is only returned if its restore is unfinished. */
static struct error *find_restorable(struct request *request, struct directory_deleted *entry,
                                     struct directory_restoration *restoration)
{
    struct error *error = directory_find_restorable(app_of(request)->directory, request->arena,
                                                    request_path_value(request, "guid"), entry);
    if (error) {
        return error;
    }
    request->subject = entry->account ? entry->account : entry->name;
    request->object_guid = restoration->guid = entry->guid;
    request->object_type = entry->kind;
    restoration->class = find_class(entry->kind);
    if (!entry->dn) {
        return NULL;
    }
    error = restoration_find_unfinished(request, entry, restoration);
    return error || restoration->continues ? error
                                           : directory_not_deleted_error(request->arena, entry->dn);
}

static struct error *restore_deleted(struct request *request, struct reply *reply)
{
    struct directory *directory = app_of(request)->directory;
    struct arena *arena = request->arena;
    struct value *image = NULL;
    struct directory_deleted entry;
    struct directory_restored restored;
    struct directory_restoration restoration = {
        .name = request_body_string(request, "name"),
        .parent_dn = request_body_string(request, "parent_dn"),
        .changes = directory_changes_new(arena),
    };
    struct error *error = find_restorable(request, &entry, &restoration);
    if (error) {
        return error;
    }
    restoration.account = choose_account(request, entry.kind);
    error = restoration_read_image(request, restoration.class, &entry, &image);
    if (!error) {
        error = restoration_fill(directory, arena, image, &restoration);
    }
    if (error) {
        return error;
    }
    error = directory_restore(directory, arena, &restoration, &restored);
    record_missing(request, &entry, &restored);
    if (error) {
        return error;
    }
    request->object_dn = restored.entry->dn;
    const struct restoration_report report = restoration_compare(
        arena, restoration.class, image, &restored, is_account_kind(entry.kind));
    set_restored(request, reply, &restored, &report);
    return NULL;
}

/* --- routes ---------------------------------------------------------------------------------- */

#define PATH "/api/v1/deleted"

static const enum error_id list_errors[] = {ENTRIES_UNAVAILABLE_ERRORS, ERR_DIRECTORY_REFUSED,
                                            ERR_DIRECTORY_LIMIT,        ERR_DIRECTORY_FORBIDDEN,
                                            COMPUTED_LIST_ERRORS,       ERR_COUNT};
static const enum error_id restore_errors[] = {ENTRIES_UPDATE_ERRORS, ERR_PROTECTED_OBJECT,
                                               ERR_NOT_RESTORABLE, ERR_PARTIALLY_APPLIED,
                                               ERR_COUNT};

const struct route deleted_routes[] = {
    {.method = METHOD_GET,
     .pattern = PATH,
     .handler = list_deleted,
     .permission = PERMIT_DIRECTORY_WRITE,
     .rights = RIGHT_BIT(RIGHT_READ),
     .pool = POOL_DIRECTORY,
     .summary = {"Получить список удалённых объектов", "List the deleted entries"},
     .about = {"Пользователи, группы, компьютеры, подразделения и контейнеры, которые каталог ещё "
               "хранит после удаления (по умолчанию 180 дней). Делегированные права действуют по "
               "прежнему месту объекта.",
               "The users, groups, computers, units and containers that the directory still keeps "
               "after their deletion (by default for 180 days). Delegated rights apply to the "
               "former place of an entry."},
     .query = list_query,
     .shape = REPLY_LIST,
     .reply = &deleted_schema,
     .errors = list_errors},
    {.method = METHOD_POST,
     .pattern = PATH "/{guid}/restore",
     .path = restore_path,
     .handler = restore_deleted,
     .permission = PERMIT_DIRECTORY_WRITE,
     .rights = RIGHT_BIT(RIGHT_CREATE),
     .pool = POOL_DIRECTORY,
     .summary = {"Восстановить удалённый объект", "Restore a deleted entry"},
     .about = {"Объект возвращается на прежнее место или в `parent_dn`. Учётная запись, пароль "
               "которой каталог не сохранил, отключена. Затем возвращаются до 5000 членств; "
               "те, что вернуть не удалось, перечислены в missing_memberships. Если вызов прерван, "
               "повторный вызов продолжит.",
               "The entry returns to its former place, or to `parent_dn`. An account whose "
               "password the directory has not kept is disabled. Then up to 5,000 memberships are "
               "given back; missing_memberships lists those that could not be. If the call is "
               "interrupted, the same call continues."},
     .body = &restore_schema,
     .body_optional = true,
     .dry_run = true,
     .shape = REPLY_RECORD,
     .reply = &restored_schema,
     .errors = restore_errors,
     .action = "restore_entry",
     .revert = entry_revert,
     .resource_type = "entry",
     .resource = "guid"},
    {.pattern = NULL},
};
