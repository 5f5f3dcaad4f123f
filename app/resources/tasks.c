/* Tasks: what is to be done, by whom and until when. */
#include "base/arena.h"
#include "base/clock.h"
#include "resources/resources.h"
#include "rest/records.h"

#include <inttypes.h>
#include <string.h>

/* --- statuses -------------------------------------------------------------------------------- */

static const char todo[] = "TODO", in_progress[] = "IN_PROGRESS", done[] = "DONE";

static const char *const statuses[] = {todo, in_progress, done, NULL};

static const struct record_step steps[] = {
    {todo, in_progress},
    {in_progress, done},
    {in_progress, todo},
    {.from = NULL},
};

/* --- field maps ------------------------------------------------------------------------------ */

#define TASK_TITLE(flags_)                                                                         \
    RECORD_LINE("title", flags_, 200, "Название", "The title", "\"Подготовить договор\"")

#define TASK_DESCRIPTION                                                                           \
    RECORD_TEXT("description", FIELD_NULLABLE, "Описание", "The description", "null")

#define TASK_STATUS RECORD_CHOICE("status", 0, statuses, "Статус", "The status", "\"TODO\"")

#define TASK_DUE                                                                                   \
    RECORD_MOMENT("due_date", FIELD_NULLABLE, "Срок: дата или время",                              \
                  "When it is due: a date or a time")

#define TASK_ASSIGNEE(flags_)                                                                      \
    RECORD_REFERENCE("assignee_id", flags_, "Исполнитель: учётная запись",                         \
                     "Who is to do it: an account")

#define TASK_CONTACT(flags_) RECORD_REFERENCE("contact_id", flags_, "Контакт", "The contact")

#define TASK_DEAL(flags_) RECORD_REFERENCE("deal_id", flags_, "Сделка", "The deal")

static const struct field task_fields[] = {
    RECORD_ID,
    TASK_TITLE(0),
    TASK_DESCRIPTION,
    TASK_STATUS,
    TASK_DUE,
    RECORD_TIME("overdue_from", FIELD_INTERNAL, "Просрочена с", "From when on it is overdue"),
    TASK_ASSIGNEE(FIELD_NULLABLE),
    TASK_CONTACT(FIELD_NULLABLE),
    TASK_DEAL(FIELD_NULLABLE),
    RECORD_REFERENCE("creator_id", FIELD_NULLABLE, "Автор: учётная запись",
                     "Who made it: an account"),
    RECORD_TIME("completed_at", FIELD_NULLABLE, "Время выполнения", "When it was done"),
    RECORD_HISTORY,
    {.name = NULL},
};

static const struct field create_fields[] = {
    TASK_TITLE(FIELD_REQUIRED),
    TASK_DESCRIPTION,
    TASK_DUE,
    TASK_ASSIGNEE(FIELD_NULLABLE),
    TASK_CONTACT(FIELD_NULLABLE),
    TASK_DEAL(FIELD_NULLABLE),
    {.name = NULL},
};

static const struct field update_fields[] = {
    TASK_TITLE(0),
    TASK_DESCRIPTION,
    TASK_STATUS,
    TASK_DUE,
    TASK_ASSIGNEE(FIELD_NULLABLE),
    TASK_CONTACT(FIELD_NULLABLE),
    TASK_DEAL(FIELD_NULLABLE),
    {.name = NULL},
};

static const struct field list_query[] = {
    LIST_QUERY_FIELDS("`id`, `due_date`, `created_at`", "-created_at"),
    TASK_STATUS,
    TASK_ASSIGNEE(0),
    TASK_CONTACT(0),
    TASK_DEAL(0),
    {.name = NULL},
};

static const char by_status[] = "tasks.", by_assignee[] = "where.tasks.assignee_id=";

static const struct list_key keys[] = {
    {"id", "t.id", SQL_TASKS_LIST_ID, FIELD_INTEGER, LIST_SORT},
    {"due_date", "t.due_key", SQL_TASKS_LIST_DUE_KEY, FIELD_INTEGER, LIST_SORT},
    {"created_at", "t.created_at", SQL_TASKS_LIST_CREATED_AT, FIELD_TIME, LIST_SORT},
    {"status", "t.status", 0, FIELD_STRING, LIST_FILTER, by_status},
    {"assignee_id", "t.assignee_id", 0, FIELD_INTEGER, LIST_FILTER, by_assignee},
    {"contact_id", "t.contact_id", 0, FIELD_INTEGER, LIST_FILTER | LIST_NARROW},
    {"deal_id", "t.deal_id", 0, FIELD_INTEGER, LIST_FILTER | LIST_NARROW},
    {.name = NULL},
};

static const struct list list = {
    .rows = SQL_TASKS_LIST,
    .count = SQL_TASKS_COUNT,
    .counter = "tasks",
    .fields = task_fields,
    .keys = keys,
    .id = "t.id",
    .id_index = SQL_TASKS_LIST_ID,
};

static const struct schema task_schema = {"Task", task_fields};
static const struct schema create_schema = {"TaskCreate", create_fields};
static const struct schema update_schema = {"TaskUpdate", update_fields};

/* --- rules ----------------------------------------------------------------------------------- */

/* SALES changes what is assigned to it, and what it made and nobody is assigned to. */
static struct error *may_change(struct record_change *change)
{
    const struct principal *principal = change->request->principal;
    const struct value *assignee = fields_get(task_fields, change->before, "assignee_id");
    const struct value *whose = assignee->state == VALUE_SET
                                    ? assignee
                                    : fields_get(task_fields, change->before, "creator_id");
    bool own = whose->state == VALUE_SET && whose->integer == principal->account_id;
    return principal->role == ROLE_SALES && !own
               ? error_new(change->request->arena, ERR_FORBIDDEN, NULL)
               : NULL;
}

/* A date stays one, and is overdue when its day is over; a time is written as all times are. */
static struct error *set_due(struct record_change *change)
{
    struct arena *arena = change->request->arena;
    struct value *due = record_value(change, "due_date");
    struct clock_span span;
    if (due->state != VALUE_SET) {
        record_value(change, "overdue_from")->state = VALUE_NULL;
        return NULL;
    }
    if (!clock_parse_date(due->string.bytes, &span)) {
        char text[CLOCK_TEXT_SIZE];
        if (!clock_parse_time(due->string.bytes, &span)) {
            return error_field(arena, "due_date", FAULT_NOT_MOMENT, NULL);
        }
        value_set_string(due, arena_string(arena, clock_format(span.from_ms, text)));
    }
    value_set_integer(record_value(change, "overdue_from"), span.until_ms);
    bool past = record_changes(change, "due_date") && span.until_ms <= change->now;
    return past ? error_field(arena, "due_date", FAULT_IN_PAST, NULL) : NULL;
}

static struct error *set_status(struct record_change *change)
{
    if (!change->before) {
        value_set_string(record_value(change, "status"), todo);
        return NULL;
    }
    const char *status = request_body_string(change->request, "status");
    if (status && !strcmp(status, done)) {
        value_set_integer(record_value(change, "completed_at"), change->now);
    }
    return status ? record_check_step(change, steps, status) : NULL;
}

static struct error *before_write(struct record_change *change)
{
    record_default_owner(change, "creator_id");
    struct error *error = set_due(change);
    return error ? error : set_status(change);
}

/* Open tasks are counted by the day in which they come due: what is overdue is the sum of the days
 * before today, and what has come due today. Eight digits, so that names sort as days do. */
static void tally(struct arena *arena, struct value *values, struct counter_deltas *deltas)
{
    const char *status = fields_string(task_fields, values, "status");
    const struct value *overdue_from = fields_get(task_fields, values, "overdue_from");
    counter_deltas_add(deltas, "tasks", 1);
    counter_deltas_add_id(deltas, arena, by_assignee,
                          fields_get(task_fields, values, "assignee_id"));
    counter_deltas_add(deltas, arena_format(arena, "%s%s", by_status, status), 1);
    if (overdue_from->state == VALUE_SET && strcmp(status, done) != 0) {
        counter_deltas_add(deltas,
                           counters_day_name(arena, "tasks.due.", overdue_from->integer - 1), 1);
    }
}

static const struct record_reference references[] = {
    {"assignee_id", SQL_MEMBERS_ROLE, FAULT_NO_SUCH_MEMBER},
    {"contact_id", SQL_CONTACTS_VISIBLE, FAULT_NO_SUCH_OBJECT},
    {"deal_id", SQL_DEALS_VISIBLE, FAULT_NO_SUCH_OBJECT},
    {.field = NULL},
};

static const struct records tasks = {
    .path = "/api/v1/tasks",
    .schema = &task_schema,
    .get = SQL_TASKS_GET,
    .insert = SQL_TASKS_INSERT,
    .update = SQL_TASKS_UPDATE,
    .list = &list,
    .references = references,
    .may_change = may_change,
    .before_write = before_write,
    .add_deltas = tally,
};

/* --- routes ---------------------------------------------------------------------------------- */

#define PATH "/api/v1/tasks"

static const enum error_id update_errors[] = {RECORD_ERRORS, ERR_INVALID_TRANSITION, ERR_COUNT};

const struct route tasks_routes[] = {
    {RECORDS_LIST_ROW(&tasks, PATH, &task_schema),
     .summary = {"Получить список задач", "List the tasks"}, .query = list_query},
    {RECORDS_GET_ROW(&tasks, PATH, &task_schema), .summary = {"Получить задачу", "Get a task"}},
    {RECORDS_CREATE_ROW(&tasks, PATH, "task", &task_schema),
     .summary = {"Создать задачу", "Create a task"}, .body = &create_schema,
     .errors = records_errors},
    {RECORDS_UPDATE_ROW(&tasks, PATH, "task", &task_schema),
     .summary = {"Изменить задачу", "Change a task"}, .body = &update_schema,
     .errors = update_errors},
    {RECORDS_DELETE_ROW(&tasks, PATH, "task"), .summary = {"Удалить задачу", "Delete a task"},
     .errors = records_errors},
    {RECORDS_RESTORE_ROW(&tasks, PATH, "task", &task_schema),
     .summary = {"Восстановить задачу", "Restore a task"}, .errors = records_restore_errors},
    {.pattern = NULL},
};
