/* Activities: calls, emails, meetings and notes. A change of a deal's status adds an activity
 * automatically (rest/activities.c). */
#include "rest/activities.h"
#include "resources/resources.h"
#include "rest/records.h"

/* --- field maps ------------------------------------------------------------------------------ */

static const char *const activity_types[] = {"CALL", "EMAIL", "MEETING", "NOTE", NULL};

#define ACTIVITY_TYPE(flags_)                                                                      \
    RECORD_CHOICE("type", flags_, activity_types, "Вид", "The type", "\"CALL\"")

#define ACTIVITY_SUBJECT(flags_)                                                                   \
    RECORD_LINE("subject", flags_, 200, "Тема", "The subject", "\"Первый звонок\"")

#define ACTIVITY_DESCRIPTION                                                                       \
    RECORD_TEXT("description", FIELD_NULLABLE, "Описание", "The description", "null")

#define ACTIVITY_CONTACT(flags_) RECORD_REFERENCE("contact_id", flags_, "Контакт", "The contact")

#define ACTIVITY_DEAL(flags_) RECORD_REFERENCE("deal_id", flags_, "Сделка", "The deal")

#define ACTIVITY_AUTHOR(flags_)                                                                    \
    RECORD_REFERENCE("author_id", flags_, "Автор: учётная запись", "The author: an account")

#define ACTIVITY_TIME RECORD_TIME("occurred_at", 0, "Время события", "The time of the activity")

#define ACTIVITY_STATUS(name_, ru_, en_)                                                           \
    {                                                                                              \
        .name = (name_), .type = FIELD_STRING, .flags = FIELD_NULLABLE, .about = {(ru_), (en_)},   \
        .example = "\"NEW\""                                                                       \
    }

static const struct field activity_fields[] = {
    RECORD_ID,
    ACTIVITY_TYPE(0),
    ACTIVITY_SUBJECT(0),
    ACTIVITY_DESCRIPTION,
    ACTIVITY_CONTACT(FIELD_NULLABLE),
    ACTIVITY_DEAL(FIELD_NULLABLE),
    ACTIVITY_AUTHOR(FIELD_NULLABLE),
    ACTIVITY_TIME,
    {.name = "automatic",
     .type = FIELD_BOOLEAN,
     .about = {"Записана автоматически", "True if the service added the activity itself"},
     .example = "false"},
    ACTIVITY_STATUS("old_status", "Прежний статус сделки",
                    "The status of the deal before the change"),
    ACTIVITY_STATUS("new_status", "Новый статус сделки", "The status of the deal after the change"),
    RECORD_HISTORY,
    {.name = NULL},
};

static const struct field create_fields[] = {
    ACTIVITY_TYPE(FIELD_REQUIRED),
    ACTIVITY_SUBJECT(FIELD_REQUIRED),
    ACTIVITY_DESCRIPTION,
    ACTIVITY_CONTACT(FIELD_NULLABLE),
    ACTIVITY_DEAL(FIELD_NULLABLE),
    ACTIVITY_TIME,
    {.name = NULL},
};

static const struct field list_query[] = {
    LIST_QUERY_FIELDS("`id`, `occurred_at`", "-occurred_at"),
    ACTIVITY_TYPE(0),
    ACTIVITY_CONTACT(0),
    ACTIVITY_DEAL(0),
    ACTIVITY_AUTHOR(0),
    {.name = NULL},
};

static const struct list_key activity_keys[] = {
    {"id", "a.id", SQL_ACTIVITIES_LIST_ID, FIELD_INTEGER, LIST_SORT},
    {"occurred_at", "a.occurred_at", SQL_ACTIVITIES_LIST_OCCURRED_AT, FIELD_TIME, LIST_SORT},
    {"type", "a.type", 0, FIELD_STRING, LIST_FILTER, ACTIVITIES_BY_TYPE},
    {"contact_id", "a.contact_id", 0, FIELD_INTEGER, LIST_FILTER | LIST_NARROW},
    {"deal_id", "a.deal_id", 0, FIELD_INTEGER, LIST_FILTER | LIST_NARROW},
    {"author_id", "a.author_id", 0, FIELD_INTEGER, LIST_FILTER, ACTIVITIES_BY_AUTHOR},
    {.name = NULL},
};

static const struct list activity_list = {
    .alias = "a",
    .rows = SQL_ACTIVITIES_LIST,
    .count = SQL_ACTIVITIES_COUNT,
    .scope = "a.organization_id = $1 AND a.deleted_at IS NULL",
    .counter = "activities",
    .fields = activity_fields,
    .keys = activity_keys,
    .id = "a.id",
    .id_index = SQL_ACTIVITIES_LIST_ID,
};

static const struct schema activity_schema = {"Activity", activity_fields};
static const struct schema create_schema = {"ActivityCreate", create_fields};

/* --- rules ----------------------------------------------------------------------------------- */

static struct error *set_activity_defaults(struct record_change *change)
{
    struct value *occurred_at = record_value(change, "occurred_at");
    record_default_owner(change, "author_id");
    field_set_boolean(record_value(change, "automatic"), false);
    if (occurred_at->state != VALUE_SET) {
        field_set_integer(occurred_at, change->now);
    }
    return NULL;
}

static struct error *refuse_automatic_activity(struct record_change *change)
{
    return record_value(change, "automatic")->boolean
               ? error_new(change->request->arena, ERR_AUTOMATIC_ACTIVITY, NULL)
               : NULL;
}

static void add_activity_deltas(struct arena *arena, struct value *values,
                                struct counter_deltas *deltas)
{
    activities_add_deltas(arena, fields_string(activity_fields, values, "type"),
                          fields_get(activity_fields, values, "author_id"), deltas);
}

static const struct record_reference activity_references[] = {
    {"contact_id", SQL_CONTACTS_VISIBLE, FAULT_NO_SUCH_OBJECT},
    {"deal_id", SQL_DEALS_VISIBLE, FAULT_NO_SUCH_OBJECT},
    {.field = NULL},
};

static const struct records activities = {
    .path = "/api/v1/activities",
    .schema = &activity_schema,
    .get = SQL_ACTIVITIES_GET,
    .insert = SQL_ACTIVITIES_INSERT,
    .update = SQL_ACTIVITIES_UPDATE,
    .list = &activity_list,
    .references = activity_references,
    .before_write = set_activity_defaults,
    .before_hide = refuse_automatic_activity,
    .add_deltas = add_activity_deltas,
};

/* --- routes ---------------------------------------------------------------------------------- */

#define PATH "/api/v1/activities"

static const enum error_id delete_errors[] = {RECORD_ERRORS, ERR_AUTOMATIC_ACTIVITY, ERR_COUNT};

const struct route activities_routes[] = {
    {RECORDS_LIST_ROW(&activities, PATH, &activity_schema), .scope = SCOPE_ACTIVITIES_READ,
     .summary = {"Получить список активностей", "List the activities"}, .query = list_query},
    {RECORDS_GET_ROW(&activities, PATH, &activity_schema), .scope = SCOPE_ACTIVITIES_READ,
     .summary = {"Получить активность", "Get an activity"}},
    {RECORDS_CREATE_ROW(&activities, PATH, "activity", &activity_schema),
     .scope = SCOPE_ACTIVITIES_WRITE, .summary = {"Создать активность", "Create an activity"},
     .body = &create_schema, .errors = records_errors},
    {RECORDS_DELETE_ROW(&activities, PATH, "activity"), .scope = SCOPE_ACTIVITIES_WRITE,
     .summary = {"Удалить активность", "Delete an activity"}, .errors = delete_errors},
    {RECORDS_RESTORE_ROW(&activities, PATH, "activity", &activity_schema),
     .scope = SCOPE_ACTIVITIES_WRITE, .summary = {"Восстановить активность", "Restore an activity"},
     .errors = records_restore_errors},
    {.pattern = NULL},
};
