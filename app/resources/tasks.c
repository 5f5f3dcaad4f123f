/* Tasks: work with an assignee and a due date. */
#include "base/arena.h"
#include "base/clock.h"
#include "resources/resources.h"
#include "rest/records.h"

#include <inttypes.h>
#include <string.h>

/* --- statuses -------------------------------------------------------------------------------- */

static const char status_todo[] = "TODO", status_in_progress[] = "IN_PROGRESS",
                  status_done[] = "DONE";

static const char *const task_statuses[] = {status_todo, status_in_progress, status_done, NULL};

static const struct record_transition task_steps[] = {
    {status_todo, status_in_progress},
    {status_in_progress, status_done},
    {status_in_progress, status_todo},
    {.from = NULL},
};

/* --- field maps ------------------------------------------------------------------------------ */

#define TASK_TITLE(flags_)                                                                         \
    RECORD_LINE("title", flags_, 200, "Название", "The title", "\"Подготовить договор\"")

#define TASK_DESCRIPTION                                                                           \
    RECORD_TEXT("description", FIELD_NULLABLE, "Описание", "The description", "null")

#define TASK_STATUS RECORD_CHOICE("status", 0, task_statuses, "Статус", "The status", "\"TODO\"")

#define TASK_DUE                                                                                   \
    RECORD_MOMENT("due_date", FIELD_NULLABLE, "Срок: дата или время",                              \
                  "When the task is due: a date or a time")

#define TASK_ASSIGNEE(flags_)                                                                      \
    RECORD_REFERENCE("assignee_id", flags_, "Исполнитель: учётная запись",                         \
                     "The assignee: an account")

#define TASK_CONTACT(flags_) RECORD_REFERENCE("contact_id", flags_, "Контакт", "The contact")

#define TASK_DEAL(flags_) RECORD_REFERENCE("deal_id", flags_, "Сделка", "The deal")

static const struct field task_fields[] = {
    RECORD_ID,
    TASK_TITLE(0),
    TASK_DESCRIPTION,
    TASK_STATUS,
    TASK_DUE,
    RECORD_TIME("overdue_from", FIELD_INTERNAL, "Время, с которого задача просрочена",
                "When the task becomes overdue"),
    TASK_ASSIGNEE(FIELD_NULLABLE),
    TASK_CONTACT(FIELD_NULLABLE),
    TASK_DEAL(FIELD_NULLABLE),
    RECORD_REFERENCE("creator_id", FIELD_NULLABLE, "Автор: учётная запись",
                     "The author: an account"),
    RECORD_TIME("completed_at", FIELD_NULLABLE, "Время выполнения", "When the task was completed"),
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

static const char status_counter[] = "tasks.", assignee_counter[] = "where.tasks.assignee_id=";

static const struct list_key task_keys[] = {
    {"id", "t.id", SQL_TASKS_LIST_ID, FIELD_INTEGER, LIST_SORT},
    {"due_date", "t.due_key", SQL_TASKS_LIST_DUE_KEY, FIELD_INTEGER, LIST_SORT},
    {"created_at", "t.created_at", SQL_TASKS_LIST_CREATED_AT, FIELD_TIME, LIST_SORT},
    {"status", "t.status", 0, FIELD_STRING, LIST_FILTER, status_counter},
    {"assignee_id", "t.assignee_id", 0, FIELD_INTEGER, LIST_FILTER, assignee_counter},
    {"contact_id", "t.contact_id", 0, FIELD_INTEGER, LIST_FILTER | LIST_NARROW},
    {"deal_id", "t.deal_id", 0, FIELD_INTEGER, LIST_FILTER | LIST_NARROW},
    {.name = NULL},
};

static const struct list_column task_columns[] = {
    {.field = "due_date", .key = "t.due_key"},
    {.field = NULL},
};

static const struct list task_list = {
    .alias = "t",
    .columns = task_columns,
    .rows = SQL_TASKS_LIST,
    .count = SQL_TASKS_COUNT,
    .scope = "t.organization_id = $1 AND t.deleted_at IS NULL",
    .counter = "tasks",
    .fields = task_fields,
    .keys = task_keys,
    .id = "t.id",
    .id_index = SQL_TASKS_LIST_ID,
};

static const struct schema task_schema = {"Task", task_fields};
static const struct schema create_schema = {"TaskCreate", create_fields};
static const struct schema update_schema = {"TaskUpdate", update_fields};

/* --- rules ----------------------------------------------------------------------------------- */

/* A member with the role SALES may change tasks assigned to them, and unassigned tasks that they
 * created. */
static struct error *check_task_permission(struct record_change *change)
{
    const struct principal *principal = change->request->principal;
    const struct value *assignee = fields_get(task_fields, change->before, "assignee_id");
    const struct value *holder = assignee->state == VALUE_SET
                                     ? assignee
                                     : fields_get(task_fields, change->before, "creator_id");
    bool own = holder->state == VALUE_SET && holder->integer == principal->account_id;
    return principal->role == ROLE_SALES && !own
               ? error_new(change->request->arena, ERR_FORBIDDEN, NULL)
               : NULL;
}

/* Sets the moment at which the task becomes overdue: the end of the day for a date, or the time.
 * Stores a time in the format that replies use. */
static struct error *set_task_due_date(struct record_change *change)
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
        field_set_string(due, arena_string(arena, clock_format(span.from_ms, text)));
    }
    field_set_integer(record_value(change, "overdue_from"), span.until_ms);
    bool past = record_field_changed(change, "due_date") && span.until_ms <= change->now;
    return past ? error_field(arena, "due_date", FAULT_IN_PAST, NULL) : NULL;
}

static struct error *set_task_status(struct record_change *change)
{
    if (!change->before) {
        field_set_string(record_value(change, "status"), status_todo);
        return NULL;
    }
    const char *status = request_body_string(change->request, "status");
    if (status && !strcmp(status, status_done)) {
        field_set_integer(record_value(change, "completed_at"), change->now);
    }
    return status ? record_check_transition(change, task_steps, status) : NULL;
}

static struct error *check_task(struct record_change *change)
{
    record_default_owner(change, "creator_id");
    struct error *error = set_task_due_date(change);
    return error ? error : set_task_status(change);
}

/* Counts open tasks by the day in which they become overdue, so that analytics need not read all
 * tasks: the overdue ones are those of all days before today, and those of today that are due by
 * now. */
static void add_task_deltas(struct arena *arena, struct value *values,
                            struct counter_deltas *deltas)
{
    const char *status = fields_string(task_fields, values, "status");
    const struct value *overdue_from = fields_get(task_fields, values, "overdue_from");
    counter_deltas_add(deltas, "tasks", 1);
    counter_deltas_add_id(deltas, arena, assignee_counter,
                          fields_get(task_fields, values, "assignee_id"));
    counter_deltas_add(deltas, arena_format(arena, "%s%s", status_counter, status), 1);
    if (overdue_from->state == VALUE_SET && strcmp(status, status_done) != 0) {
        counter_deltas_add(deltas,
                           counters_day_name(arena, "tasks.due.", overdue_from->integer - 1), 1);
    }
}

static const struct record_reference task_references[] = {
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
    .list = &task_list,
    .references = task_references,
    .may_change = check_task_permission,
    .before_write = check_task,
    .add_deltas = add_task_deltas,
};

/* --- routes ---------------------------------------------------------------------------------- */

#define PATH "/api/v1/tasks"

static const enum error_id update_errors[] = {RECORD_ERRORS, ERR_INVALID_TRANSITION, ERR_COUNT};

const struct route tasks_routes[] = {
    {RECORDS_LIST_ROW(&tasks, PATH, &task_schema), .scope = SCOPE_TASKS_READ,
     .summary = {"Получить список задач", "List the tasks"}, .query = list_query},
    {RECORDS_GET_ROW(&tasks, PATH, &task_schema), .scope = SCOPE_TASKS_READ,
     .summary = {"Получить задачу", "Get a task"}},
    {RECORDS_CREATE_ROW(&tasks, PATH, "task", &task_schema), .scope = SCOPE_TASKS_WRITE,
     .summary = {"Создать задачу", "Create a task"}, .body = &create_schema,
     .errors = records_errors},
    {RECORDS_UPDATE_ROW(&tasks, PATH, "task", &task_schema), .scope = SCOPE_TASKS_WRITE,
     .summary = {"Изменить задачу", "Change a task"}, .body = &update_schema,
     .errors = update_errors},
    {RECORDS_DELETE_ROW(&tasks, PATH, "task"), .scope = SCOPE_TASKS_WRITE,
     .summary = {"Удалить задачу", "Delete a task"}, .errors = records_errors},
    {RECORDS_RESTORE_ROW(&tasks, PATH, "task", &task_schema), .scope = SCOPE_TASKS_WRITE,
     .summary = {"Восстановить задачу", "Restore a task"}, .errors = records_restore_errors},
    {.pattern = NULL},
};
