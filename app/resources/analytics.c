/*
 * Analytics: totals and rates of an organization's deals, tasks, contacts and activities.
 *
 * Without a filter the figures are read from counters that every change updates (rest/counters.h),
 * at a cost that does not depend on the number of rows. With a filter the rows are counted in a
 * covering index.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "resources/resources.h"
#include "rest/counters.h"
#include "rest/records.h"
#include "rest/rows.h"

#include <stdlib.h>

enum { RATE_PLACES = 4, RATE_WHOLE = 10000, MINOR_PLACES = 2, FIGURES_MAX = 8 };

/* --- field maps ------------------------------------------------------------------------------ */

#define COUNT(name_, ru_, en_)                                                                     \
    {                                                                                              \
        .name = (name_), .type = FIELD_INTEGER, .about = {(ru_), (en_)}, .example = "12"           \
    }

#define RATE(name_, ru_, en_)                                                                      \
    {                                                                                              \
        .name = (name_), .type = FIELD_DECIMAL, .scale = RATE_PLACES, .about = {(ru_), (en_)},     \
        .example = "0.5000"                                                                        \
    }

static const struct field deal_fields[] = {
    COUNT("total", "Всего сделок", "Number of deals"),
    COUNT("new", "Новые сделки", "New deals"),
    COUNT("in_progress", "Сделки в работе", "Deals in progress"),
    COUNT("won", "Выигранные сделки, включая закрытые", "Won deals, including closed ones"),
    COUNT("lost", "Проигранные сделки, включая закрытые", "Lost deals, including closed ones"),
    COUNT("closed", "Закрытые сделки", "Closed deals"),
    RATE("win_rate", "Доля выигранных среди выигранных и проигранных",
         "Won deals as a share of won and lost deals"),
    {.name = "pipeline_amount",
     .type = FIELD_DECIMAL,
     .scale = MINOR_PLACES,
     .about = {"Сумма новых сделок и сделок в работе",
               "Sum of the amounts of new deals and deals in progress"},
     .example = "450000.00"},
    {.name = NULL},
};

static const struct field task_fields[] = {
    COUNT("total", "Всего задач", "Number of tasks"),
    COUNT("todo", "Задачи к выполнению", "Tasks to do"),
    COUNT("in_progress", "Задачи в работе", "Tasks in progress"),
    COUNT("done", "Выполненные задачи", "Tasks done"),
    COUNT("overdue", "Просроченные задачи", "Overdue tasks"),
    RATE("completion_rate", "Доля выполненных задач", "Tasks done as a share of all tasks"),
    {.name = NULL},
};

static const struct field contact_fields[] = {
    COUNT("total_contacts", "Всего контактов", "Number of contacts"),
    {.name = NULL},
};

static const struct field activity_fields[] = {
    COUNT("total", "Всего активностей", "Number of activities"),
    COUNT("calls", "Звонки", "Calls"),
    COUNT("emails", "Письма", "Emails"),
    COUNT("meetings", "Встречи", "Meetings"),
    COUNT("notes", "Заметки, включая автоматические", "Notes, including automatic ones"),
    {.name = NULL},
};

#define PART(name_, fields_, ru_, en_)                                                             \
    {                                                                                              \
        .name = (name_), .type = FIELD_RECORD, .fields = (fields_), .about = {(ru_), (en_)},       \
        .example = "null"                                                                          \
    }

static const struct field summary_fields[] = {
    PART("deals", deal_fields, "Сделки", "Deals"),
    PART("tasks", task_fields, "Задачи", "Tasks"),
    PART("contacts", contact_fields, "Контакты", "Contacts"),
    PART("activities", activity_fields, "Активности", "Activities"),
    {.name = NULL},
};

static const struct field query_fields[] = {
    RECORD_MOMENT("from", 0, "Начало периода: дата или время",
                  "Start of the period: a date or a time"),
    RECORD_MOMENT("to", 0, "Конец периода включительно: дата или время",
                  "End of the period, inclusive: a date or a time"),
    RECORD_REFERENCE("owner_id", 0, "Ответственный, исполнитель или автор: учётная запись",
                     "Owner, assignee or author: an account"),
    {.name = NULL},
};

static const struct schema deals_schema = {"DealAnalytics", deal_fields};
static const struct schema tasks_schema = {"TaskAnalytics", task_fields};
static const struct schema contacts_schema = {"ContactAnalytics", contact_fields};
static const struct schema activities_schema = {"ActivityAnalytics", activity_fields};
static const struct schema summary_schema = {"AnalyticsSummary", summary_fields};

/* --- parameters of a request ----------------------------------------------------------------- */

/* The filter of a request, from its query parameters. */
struct figures_filter {
    struct request *request;
    int64_t now;
    bool is_set; /* false: no filter, so the stored counters are read */
    int64_t from_ms, until_ms;
    int64_t owner_id; /* 0: no filter */
};

/* Returns the time span that a query parameter denotes: a day for a date, a millisecond for a time.
 * record_check_moment() has validated it. */
static struct clock_span read_query_moment(const struct request *request, const char *name)
{
    struct clock_span span = {INT64_MIN, INT64_MAX};
    const char *text = request_query_string(request, name);
    if (text && !clock_parse_date(text, &span) && !clock_parse_time(text, &span)) {
        abort();
    }
    return span;
}

static void read_figures_filter(struct request *request, struct figures_filter *filter_r)
{
    const struct value *owner = fields_get(query_fields, request->query, "owner_id");
    *filter_r = (struct figures_filter){
        .request = request,
        .now = clock_wall_ms(),
        .from_ms = read_query_moment(request, "from").from_ms,
        .until_ms = read_query_moment(request, "to").until_ms,
        .owner_id = owner->state == VALUE_SET ? owner->integer : 0,
    };
    filter_r->is_set =
        filter_r->owner_id || filter_r->from_ms != INT64_MIN || filter_r->until_ms != INT64_MAX;
}

/* --- figures of each kind of rows ------------------------------------------------------------ */

/* The figures about one kind of rows. */
struct figure_set {
    const struct field *fields;
    /* a counter for each column of the statements; NULL ends the list */
    const char *const *counters;
    /* Parameters: $1 the organization, $2 and $3 the span of time, then the current time if
     * needs_now, then the owner in count_of_owner. */
    enum sql_statement count, count_of_owner;
    bool needs_now;
    /* Computes the fields of the reply; NULL: the fields are the figures. */
    struct error *(*fill)(const struct figures_filter *filter, const int64_t *figures,
                          struct value *values);
};

static const char *const deal_counters[] = {
    "deals",      "deals.NEW",    "deals.IN_PROGRESS", "deals.WON",
    "deals.LOST", "deals.CLOSED", "deals.pipeline",    NULL,
};
static const char *const task_counters[] = {"tasks", "tasks.TODO", "tasks.IN_PROGRESS",
                                            "tasks.DONE", NULL};
static const char *const contact_counters[] = {"contacts", NULL};
static const char *const activity_counters[] = {"activities",       "activities.CALL",
                                                "activities.EMAIL", "activities.MEETING",
                                                "activities.NOTE",  NULL};

/* Returns the ratio of `some` to `all` with four decimal places, rounded half up; 0 if `all` is
 * 0. */
static int64_t compute_rate(int64_t some, int64_t all)
{
    return all ? (2 * some * RATE_WHOLE + all) / (2 * all) : 0;
}

static struct error *fill_deal_figures(const struct figures_filter *filter, const int64_t *figures,
                                       struct value *values)
{
    enum { COUNTS = SQL_DEALS_FIGURES_PIPELINE, WIN_RATE = COUNTS, PIPELINE_AMOUNT };
    int64_t won = figures[SQL_DEALS_FIGURES_WON], lost = figures[SQL_DEALS_FIGURES_LOST];
    (void)filter;
    for (size_t i = 0; i < COUNTS; i++) {
        field_set_integer(&values[i], figures[i]);
    }
    field_set_integer(&values[WIN_RATE], compute_rate(won, won + lost));
    field_set_integer(&values[PIPELINE_AMOUNT], figures[SQL_DEALS_FIGURES_PIPELINE]);
    return NULL;
}

static struct error *count_overdue_tasks(const struct figures_filter *filter, int64_t *overdue_r)
{
    const struct request *request = filter->request;
    struct store_query *query =
        store_query(app_of(request)->store, request->arena, SQL_TASKS_OVERDUE);
    store_bind_integer(query, app_principal(request)->organization_id);
    store_bind_text(query, counters_day_name(request->arena, "tasks.due.", filter->now));
    store_bind_integer(query, filter->now - filter->now % MS_PER_DAY);
    store_bind_integer(query, filter->now);
    return rows_read_number(query, overdue_r);
}

static struct error *fill_task_figures(const struct figures_filter *filter, const int64_t *figures,
                                       struct value *values)
{
    enum { OVERDUE = SQL_TASKS_FIGURES_OVERDUE, COMPLETION_RATE };
    int64_t overdue = figures[OVERDUE];
    struct error *error = filter->is_set ? NULL : count_overdue_tasks(filter, &overdue);
    for (size_t i = 0; i < OVERDUE; i++) {
        field_set_integer(&values[i], figures[i]);
    }
    field_set_integer(&values[OVERDUE], overdue);
    field_set_integer(&values[COMPLETION_RATE], compute_rate(figures[SQL_TASKS_FIGURES_DONE],
                                                             figures[SQL_TASKS_FIGURES_TOTAL]));
    return error;
}

static const struct figure_set deal_figures = {
    .fields = deal_fields,
    .counters = deal_counters,
    .count = SQL_DEALS_FIGURES,
    .count_of_owner = SQL_DEALS_FIGURES_OF_OWNER,
    .fill = fill_deal_figures,
};

static const struct figure_set task_figures = {
    .fields = task_fields,
    .counters = task_counters,
    .count = SQL_TASKS_FIGURES,
    .count_of_owner = SQL_TASKS_FIGURES_OF_ASSIGNEE,
    .needs_now = true,
    .fill = fill_task_figures,
};

static const struct figure_set contact_figures = {
    .fields = contact_fields,
    .counters = contact_counters,
    .count = SQL_CONTACTS_FIGURES,
    .count_of_owner = SQL_CONTACTS_FIGURES_OF_OWNER,
};

static const struct figure_set activity_figures = {
    .fields = activity_fields,
    .counters = activity_counters,
    .count = SQL_ACTIVITIES_FIGURES,
    .count_of_owner = SQL_ACTIVITIES_FIGURES_OF_AUTHOR,
};

/* Counts the rows that pass the filter. */
static struct error *count_filtered_rows(const struct figures_filter *filter,
                                         const struct figure_set *set, int64_t *figures_r)
{
    const struct request *request = filter->request;
    struct store_query *query = store_query(app_of(request)->store, request->arena,
                                            filter->owner_id ? set->count_of_owner : set->count);
    bool row;
    store_bind_integer(query, app_principal(request)->organization_id);
    store_bind_integer(query, filter->from_ms);
    store_bind_integer(query, filter->until_ms);
    if (set->needs_now) {
        store_bind_integer(query, filter->now);
    }
    if (filter->owner_id) {
        store_bind_integer(query, filter->owner_id);
    }
    struct error *error = store_next(query, &row);
    for (size_t i = 0; !error && i < store_columns(query); i++) {
        figures_r[i] = store_integer(query, i);
    }
    return error ? error : store_next(query, &row);
}

static struct error *read_figures(const struct figures_filter *filter, const struct figure_set *set,
                                  struct value **values_r)
{
    const struct request *request = filter->request;
    int64_t figures[FIGURES_MAX] = {0};
    size_t fields = fields_count(set->fields);
    struct value *values = arena_array(request->arena, fields, sizeof *values);
    struct error *error = filter->is_set ? count_filtered_rows(filter, set, figures)
                                         : counters_values(app_of(request)->store, request->arena,
                                                           app_principal(request)->organization_id,
                                                           set->counters, figures);
    *values_r = values;
    if (error || set->fill) {
        return error ? error : set->fill(filter, figures, values);
    }
    for (size_t i = 0; i < fields; i++) {
        field_set_integer(&values[i], figures[i]);
    }
    return NULL;
}

/* --- handlers -------------------------------------------------------------------------------- */

/* Returns the figures of the set that is the description of the route. */
static struct error *get_figures(struct request *request, struct reply *reply)
{
    struct figures_filter filter;
    struct value *values;
    read_figures_filter(request, &filter);
    struct error *error = read_figures(&filter, request->route->description, &values);
    if (!error) {
        reply_record(reply, values);
    }
    return error;
}

/* Returns the figures of all kinds, in the order of summary_fields. */
static struct error *get_all_figures(struct request *request, struct reply *reply)
{
    static const struct figure_set *const sets[] = {&deal_figures, &task_figures, &contact_figures,
                                                    &activity_figures};
    enum { SETS = sizeof sets / sizeof *sets };
    struct figures_filter filter;
    struct error *error = NULL;
    struct value *values = arena_array(request->arena, SETS, sizeof *values);
    read_figures_filter(request, &filter);
    for (size_t i = 0; i < SETS && !error; i++) {
        struct value *set_values;
        error = read_figures(&filter, sets[i], &set_values);
        field_set_record(&values[i], set_values);
    }
    if (!error) {
        reply_record(reply, values);
    }
    return error;
}

/* --- routes ---------------------------------------------------------------------------------- */

static const enum error_id analytics_errors[] = {ERR_DATABASE_UNAVAILABLE, ERR_COUNT};

#define ROUTE(name_, handler_, set_, schema_, ru_, en_)                                            \
    {                                                                                              \
        .method = METHOD_GET, .pattern = "/api/v1/analytics/" name_, .handler = (handler_),        \
        .description = (set_), .permission = PERMIT_READ, .scope = SCOPE_ANALYTICS_READ,           \
        .pool = POOL_CORE, .summary = {ru_, en_}, .query = query_fields, .shape = REPLY_RECORD,    \
        .reply = (schema_), .errors = analytics_errors                                             \
    }

const struct route analytics_routes[] = {
    ROUTE("deals", get_figures, &deal_figures, &deals_schema, "Получить показатели сделок",
          "Get the figures of deals"),
    ROUTE("tasks", get_figures, &task_figures, &tasks_schema, "Получить показатели задач",
          "Get the figures of tasks"),
    ROUTE("contacts", get_figures, &contact_figures, &contacts_schema,
          "Получить показатели контактов", "Get the figures of contacts"),
    ROUTE("activities", get_figures, &activity_figures, &activities_schema,
          "Получить показатели активностей", "Get the figures of activities"),
    ROUTE("summary", get_all_figures, NULL, &summary_schema, "Получить все показатели",
          "Get all figures"),
    {.pattern = NULL},
};
