/* See audit_list.h. */
#include "rest/audit_list.h"

#include "base/arena.h"
#include "rest/audit.h"
#include "rest/lists.h"
#include "rest/rows.h"

/* --- field maps ------------------------------------------------------------------------------- */

static const char *const statuses[] = {AUDIT_PENDING, AUDIT_SUCCESS, AUDIT_FAILURE, AUDIT_UNKNOWN,
                                       NULL};

#define TEXT_FIELD(name_, flags_, ru_, en_, example_)                                              \
    {                                                                                              \
        .name = (name_), .type = FIELD_STRING, .flags = (flags_), .about = {(ru_), (en_)},         \
        .example = (example_)                                                                      \
    }

static const struct field change_fields[] = {
    TEXT_FIELD("resource", FIELD_OPTIONAL, "Вид объекта, если это не объект записи",
               "The kind of the object, if it is not that of the record", "\"group\""),
    TEXT_FIELD("id", FIELD_OPTIONAL | FIELD_NULLABLE, "Идентификатор или objectGUID этого объекта",
               "The id or the objectGUID of this object",
               "\"a1f3c0de-5b1c-4b8e-9a55-0d3f7f1e2c11\""),
    TEXT_FIELD("field", 0, "Поле", "The field", "\"company\""),
    {.name = "before",
     .type = FIELD_JSON,
     .about = {"Значение до изменения; секрет — \"***\"",
               "The value before the change; \"***\" for a secret"},
     .example = "null"},
    {.name = "after",
     .type = FIELD_JSON,
     .about = {"Значение после изменения; секрет — \"***\"",
               "The value after the change; \"***\" for a secret"},
     .example = "\"Ромашка\""},
    {.name = NULL},
};

/* The fields have the order of the columns in sql/audit.sql. */
static const struct field audit_fields[] = {
    {.name = "id",
     .type = FIELD_INTEGER,
     .about = {"Номер записи", "The number of the record"},
     .example = "42"},
    {.name = "at",
     .type = FIELD_TIME,
     .about = {"Время", "The time"},
     .example = "\"2026-11-20T12:34:56.789Z\""},
    TEXT_FIELD("actor", FIELD_NULLABLE, "Кто изменил: имя пользователя",
               "The user name of the caller", "\"admin\""),
    TEXT_FIELD("address", FIELD_NULLABLE, "IP-адрес вызывающего", "The IP address of the caller",
               "\"192.0.2.17\""),
    TEXT_FIELD("action", 0, "Действие", "The action", "\"update_contact\""),
    TEXT_FIELD("resource", 0, "Вид объекта", "The kind of the object", "\"contact\""),
    TEXT_FIELD("resource_id", FIELD_NULLABLE,
               "Идентификатор объекта; у объекта каталога — objectGUID, а если вызов не нашёл "
               "объект, имя из вызова",
               "The id of the object; the objectGUID of a directory object, or the name in the "
               "call if it found no object",
               "\"42\""),
    {.name = "status",
     .type = FIELD_STRING,
     .choices = statuses,
     .about = {"Итог: `pending` — каталог ещё изменяется, `unknown` — итог неизвестен",
               "The outcome: `pending` while the directory is being changed, `unknown` if the "
               "outcome is not known"},
     .example = "\"success\""},
    TEXT_FIELD("code", FIELD_NULLABLE, "Код ошибки", "The error code", "null"),
    TEXT_FIELD("request_id", FIELD_NULLABLE, "X-Request-ID запроса",
               "The X-Request-ID of the request", "\"3f2a9c51d07b4e6e\""),
    {.name = "reverts",
     .type = FIELD_INTEGER,
     .flags = FIELD_NULLABLE,
     .about = {"Номер записи, изменения которой отменены",
               "The number of the record whose changes were reverted"},
     .example = "null"},
    {.name = "changes",
     .type = FIELD_JSON,
     .fields = change_fields,
     .about = {"Изменённые поля", "The changed fields"},
     .example = "[]"},
    {.name = NULL},
};

const struct schema audit_list_schema = {"AuditRecord", audit_fields, false};

const struct field audit_list_query[] = {
    AUDIT_QUERY_FIELDS("`id`, `at`", "-at"),
    {.name = NULL},
};

const struct field audit_list_history_query[] = {
    AUDIT_HISTORY_QUERY_FIELDS,
    {.name = NULL},
};

const enum error_id audit_list_errors[] = {ERR_DATABASE_UNAVAILABLE, ERR_COUNT};
const enum error_id audit_list_history_errors[] = {ERR_NOT_FOUND, ERR_DATABASE_UNAVAILABLE,
                                                   ERR_COUNT};

/* --- lists ------------------------------------------------------------------------------------ */

#define OBJECT_COLUMN "lower(a.object_id)"

/* The types of objects are ASCII in lower case, so the column itself is compared by its index. */
static const struct list_column audit_columns[] = {
    {.field = "actor", .text = "a.actor_key"},
    {.field = "address", .ascii = true},
    {.field = "action", .ascii = true},
    {.field = "resource", .key = "a.resource", .ascii = true},
    {.field = "resource_id", .value = "a.object_id", .key = OBJECT_COLUMN, .ascii = true},
    {.field = "code", .ascii = true},
    {.field = "request_id", .ascii = true},
    {.field = NULL},
};

#define ID_KEY                                                                                     \
    {                                                                                              \
        "id", "a.id", SQL_AUDIT_LIST_ID, FIELD_INTEGER, LIST_SORT                                  \
    }
#define AT_KEY(uses_)                                                                              \
    {                                                                                              \
        "at", "a.at", SQL_AUDIT_LIST_AT, FIELD_TIME, (uses_)                                       \
    }
#define REVERTS_KEY                                                                                \
    {                                                                                              \
        "reverts", "a.reverts", 0, FIELD_INTEGER, LIST_NARROW | LIST_APART                         \
    }

#define OBJECT_KEY(uses_)                                                                          \
    {                                                                                              \
        "resource_id", OBJECT_COLUMN, 0, FIELD_STRING, LIST_NARROW | (uses_), .leader = "resource" \
    }

/* The keys of the list of all rows; those without LIST_SORT are indexes for ?filter=. */
static const struct list_key all_keys[] = {
    ID_KEY,
    AT_KEY(LIST_SORT | LIST_APART),
    {"resource", "a.resource", 0, FIELD_STRING, LIST_APART},
    OBJECT_KEY(LIST_APART),
    REVERTS_KEY,
    {.name = NULL},
};

static const struct list_key organization_keys[] = {
    ID_KEY, AT_KEY(LIST_SORT), OBJECT_KEY(0), REVERTS_KEY, {.name = NULL},
};

/* The index by time has all rows, so that it finds rows in a short period, but not those of the
 * directory in order. */
static const struct list_key directory_keys[] = {
    ID_KEY,
    AT_KEY(LIST_SORT | LIST_UNINDEXED),
    AT_KEY(LIST_APART),
    OBJECT_KEY(LIST_APART),
    REVERTS_KEY,
    {.name = NULL},
};

/* If a list has few rows, each of them is tested by ?filter=, unless it names an object. */
static const struct list_key few_of_organization_keys[] = {
    ID_KEY,
    AT_KEY(LIST_SORT | LIST_UNINDEXED),
    OBJECT_KEY(0),
    {.name = NULL},
};

static const struct list_key few_of_directory_keys[] = {
    ID_KEY,
    AT_KEY(LIST_SORT | LIST_UNINDEXED),
    OBJECT_KEY(LIST_APART),
    {.name = NULL},
};

static const struct list_key history_keys[] = {
    ID_KEY,
    {.name = NULL},
};

#define LIST(rows_, scope_, keys_)                                                                 \
    {                                                                                              \
        .alias = "a", .columns = audit_columns, .rows = (rows_), .scope = (scope_),                \
        .fields = audit_fields, .keys = (keys_), .keys_only = true, .newest_first = true,          \
        .id = "a.id", .id_index = SQL_AUDIT_LIST_ID                                                \
    }

/* The rows that a caller may read. */
enum audience { AUDIENCE_ALL, AUDIENCE_ORGANIZATION, AUDIENCE_DIRECTORY };

#define ORGANIZATION_LIST(keys_)                                                                   \
    LIST(SQL_AUDIT_LIST_OF_ORGANIZATION, "a.organization_id = $1", keys_)
#define DIRECTORY_LIST(keys_) LIST(SQL_AUDIT_LIST_OF_DIRECTORY, "a.directory = 1", keys_)

enum { FEW_ROWS = 5000 };

static const struct list lists[] = {
    [AUDIENCE_ALL] = LIST(SQL_AUDIT_LIST, "true", all_keys),
    [AUDIENCE_ORGANIZATION] = ORGANIZATION_LIST(organization_keys),
    [AUDIENCE_DIRECTORY] = DIRECTORY_LIST(directory_keys),
};

/* Lists with at most FEW_ROWS rows. */
static const struct list few_lists[] = {
    [AUDIENCE_ORGANIZATION] = ORGANIZATION_LIST(few_of_organization_keys),
    [AUDIENCE_DIRECTORY] = DIRECTORY_LIST(few_of_directory_keys),
};

static const struct list history = LIST(SQL_AUDIT_HISTORY, NULL, history_keys);

/* The callers that PERMIT_AUDIT admits are of these three kinds. */
static enum audience audience_of(const struct request *request)
{
    const struct principal *principal = app_principal(request);
    return principal->kind == PRINCIPAL_LOCAL ? AUDIENCE_ALL
           : principal->administrator         ? AUDIENCE_DIRECTORY
                                              : AUDIENCE_ORGANIZATION;
}

static struct cursor_value organization_of(const struct request *request)
{
    return (struct cursor_value){.type = CURSOR_INTEGER,
                                 .integer = app_principal(request)->organization_id};
}

/* Chooses the list for the rows that the caller may read. With ?filter=, counts these rows, up to a
 * limit: an index by which all rows are found is slower than testing few of them. */
static struct error *choose_list(struct request *request, const struct list **list_r)
{
    enum audience audience = audience_of(request);
    int64_t count;
    *list_r = &lists[audience];
    if (audience == AUDIENCE_ALL || !request_query_string(request, "filter")) {
        return NULL;
    }
    bool of_directory = audience == AUDIENCE_DIRECTORY;
    struct store_query *query =
        store_query(app_of(request)->store, request->arena,
                    of_directory ? SQL_AUDIT_FEW_OF_DIRECTORY : SQL_AUDIT_FEW_OF_ORGANIZATION);
    store_bind_integer(query, FEW_ROWS + 1);
    if (!of_directory) {
        store_bind_integer(query, app_principal(request)->organization_id);
    }
    struct error *error = rows_read_number(query, &count);
    if (!error && count <= FEW_ROWS) {
        *list_r = &few_lists[audience];
    }
    return error;
}

struct error *audit_list(struct request *request, struct reply *reply)
{
    const struct list *list;
    struct error *error = choose_list(request, &list);
    if (error) {
        return error;
    }
    const struct cursor_value organization = organization_of(request);
    const struct list_source source = {
        .list = list,
        .parameters = &organization,
        .parameter_count = audience_of(request) == AUDIENCE_ORGANIZATION,
        .uncounted = true,
    };
    return list_reply_from(request, reply, &source);
}

/* Binds the values by which a statement selects the rows that the caller may read. */
static void bind_audience(struct store_query *query, const struct request *request)
{
    enum audience audience = audience_of(request);
    store_bind_integer(
        query, audience == AUDIENCE_ORGANIZATION ? app_principal(request)->organization_id : 0);
    store_bind_integer(query, audience == AUDIENCE_DIRECTORY);
}

struct error *audit_get(struct request *request, struct reply *reply)
{
    struct value *values;
    struct store_query *query = store_query(app_of(request)->store, request->arena, SQL_AUDIT_GET);
    store_bind_integer(query, request_path_id(request, "id"));
    bind_audience(query, request);
    struct error *error = rows_read_one(query, request->arena, audit_fields, &values);
    if (error || !values) {
        return error ? error : error_new(request->arena, ERR_NOT_FOUND, NULL);
    }
    reply_record(reply, values);
    return NULL;
}

/* --- history ---------------------------------------------------------------------------------- */

/* Checks that the object exists, or that it has a row that the caller may read. */
static struct error *require_object(struct request *request, const struct audit_object *object)
{
    bool found, more;
    struct store_query *query =
        store_query(app_of(request)->store, request->arena, SQL_AUDIT_OF_OBJECT);
    store_bind_text(query, request->route->resource_type);
    store_bind_text(query, object->id);
    bind_audience(query, request);
    struct error *error = store_next(query, &found);
    if (!error && found) {
        error = store_next(query, &more);
    }
    if (error || found) {
        return error;
    }
    return object->check ? object->check(request) : error_new(request->arena, ERR_NOT_FOUND, NULL);
}

/* Returns a condition for the rows of an object that the caller may read; NULL: it may read all.
 * Rows of the directory belong to no organization. On SQLite their flag is an expression without an
 * index, because that of the object is the right one; PostgreSQL has statistics and chooses
 * itself. */
static const char *history_condition(const struct request *request)
{
    bool chooses = store_compares_rows(app_of(request)->store);
    switch (audience_of(request)) {
    case AUDIENCE_ORGANIZATION:
        return " AND a.organization_id = $3";
    case AUDIENCE_DIRECTORY:
        return chooses ? " AND a.organization_id IS NULL AND a.directory = 1"
                       : " AND a.organization_id IS NULL AND +a.directory = 1";
    case AUDIENCE_ALL:
        break;
    }
    return NULL;
}

struct error *audit_list_reply_history(struct request *request, struct reply *reply,
                                       const struct audit_object *object)
{
    enum { OBJECT_PARAMETERS = 2 };
    const struct cursor_value parameters[] = {
        {.type = CURSOR_TEXT, .text = request->route->resource_type},
        {.type = CURSOR_TEXT, .text = object->id},
        organization_of(request),
    };
    const struct list_source source = {
        .list = &history,
        .parameters = parameters,
        .parameter_count = OBJECT_PARAMETERS + (audience_of(request) == AUDIENCE_ORGANIZATION),
        .conditions = history_condition(request),
        .uncounted = true,
    };
    struct error *error = list_reply_from(request, reply, &source);
    return error || reply->items_count ? error : require_object(request, object);
}

struct error *audit_list_history(struct request *request, struct reply *reply)
{
    const struct audit_object object = {.id =
                                            request_path_value(request, request->route->resource)};
    return audit_list_reply_history(request, reply, &object);
}
