/* Deals: the sales of an organization, with a status from NEW to CLOSED. */
#include "base/arena.h"
#include "resources/resources.h"
#include "rest/activities.h"
#include "rest/records.h"

#include <string.h>

enum {
    MINOR_PLACES = 2,
    LOST_REASON_MAX = 1000,
};

/* The maximum amount, in minor units. The sum of nine million such amounts fits an int64_t. */
#define AMOUNT_MAX 999999999999

/* --- statuses -------------------------------------------------------------------------------- */

static const char status_new[] = "NEW", status_in_progress[] = "IN_PROGRESS", status_won[] = "WON",
                  status_lost[] = "LOST", status_closed[] = "CLOSED";

static const char *const deal_statuses[] = {status_new,  status_in_progress, status_won,
                                            status_lost, status_closed,      NULL};

static const struct record_transition deal_steps[] = {
    {status_new, status_in_progress},  {status_in_progress, status_won},
    {status_in_progress, status_lost}, {status_won, status_closed},
    {status_lost, status_closed},      {.from = NULL},
};

/* --- field maps ------------------------------------------------------------------------------ */

#define DEAL_TITLE(flags_)                                                                         \
    RECORD_LINE("title", flags_, 200, "Название", "The title", "\"Поставка мебели\"")

#define DEAL_AMOUNT                                                                                \
    {                                                                                              \
        .name = "amount", .type = FIELD_DECIMAL, .scale = MINOR_PLACES, .max = AMOUNT_MAX,         \
        .about = {"Сумма в валюте организации", "The amount, in the organization's currency"},     \
        .example = "150000.00"                                                                     \
    }

#define DEAL_STATUS(flags_)                                                                        \
    RECORD_CHOICE("status", flags_, deal_statuses, "Статус", "The status", "\"NEW\"")

#define DEAL_CONTACT(flags_) RECORD_REFERENCE("contact_id", flags_, "Контакт", "The contact")

#define DEAL_OWNER(flags_)                                                                         \
    RECORD_REFERENCE("owner_id", flags_, "Ответственный: учётная запись",                          \
                     "The responsible member: an account")

#define DEAL_REST                                                                                  \
    RECORD_TEXT("description", FIELD_NULLABLE, "Описание", "The description", "null"),             \
        RECORD_DATE("expected_close_date", FIELD_NULLABLE, "Ожидаемая дата закрытия",              \
                    "The expected closing date")

#define DEAL_LOST_REASON                                                                           \
    {                                                                                              \
        .name = "lost_reason", .type = FIELD_STRING, .flags = FIELD_NULLABLE, .min = 1,            \
        .max = LOST_REASON_MAX, .about = {"Причина проигрыша", "Why the deal was lost"},           \
        .example = "\"Дорого\""                                                              \
    }

static const struct field deal_fields[] = {
    RECORD_ID,
    DEAL_TITLE(0),
    DEAL_AMOUNT,
    DEAL_STATUS(0),
    RECORD_CHOICE("outcome", FIELD_INTERNAL, deal_statuses, "Исход", "The outcome", "null"),
    DEAL_CONTACT(FIELD_NULLABLE),
    DEAL_OWNER(FIELD_NULLABLE),
    DEAL_REST,
    DEAL_LOST_REASON,
    RECORD_TIME("closed_at", FIELD_NULLABLE, "Время закрытия", "When the deal was closed"),
    RECORD_HISTORY,
    {.name = NULL},
};

static const struct field create_fields[] = {
    DEAL_TITLE(FIELD_REQUIRED), DEAL_AMOUNT, DEAL_CONTACT(FIELD_NULLABLE),
    DEAL_OWNER(FIELD_NULLABLE), DEAL_REST,   {.name = NULL},
};

static const struct field update_fields[] = {
    DEAL_TITLE(0), DEAL_AMOUNT,    DEAL_CONTACT(FIELD_NULLABLE), DEAL_OWNER(FIELD_NULLABLE),
    DEAL_REST,     {.name = NULL},
};

static const struct field status_fields[] = {
    DEAL_STATUS(FIELD_REQUIRED),
    DEAL_LOST_REASON,
    {.name = NULL},
};

static const struct field list_query[] = {
    LIST_QUERY_FIELDS("`id`, `amount`, `expected_close_date`, `created_at`", "-created_at"),
    DEAL_STATUS(0),
    DEAL_CONTACT(0),
    DEAL_OWNER(0),
    {.name = NULL},
};

static const char status_counter[] = "where.deals.status=",
                  owner_counter[] = "where.deals.owner_id=";

static const struct list_key deal_keys[] = {
    {"id", "d.id", SQL_DEALS_LIST_ID, FIELD_INTEGER, LIST_SORT},
    {"amount", "d.amount", SQL_DEALS_LIST_AMOUNT, FIELD_INTEGER, LIST_SORT},
    {"expected_close_date", "d.close_key", SQL_DEALS_LIST_CLOSE_KEY, FIELD_STRING, LIST_SORT},
    {"created_at", "d.created_at", SQL_DEALS_LIST_CREATED_AT, FIELD_TIME, LIST_SORT},
    {"status", "d.status", 0, FIELD_STRING, LIST_FILTER, status_counter},
    {"contact_id", "d.contact_id", 0, FIELD_INTEGER, LIST_FILTER | LIST_NARROW},
    {"owner_id", "d.owner_id", 0, FIELD_INTEGER, LIST_FILTER, owner_counter},
    {.name = NULL},
};

static const struct list_column deal_columns[] = {
    {.field = "expected_close_date", .key = "d.close_key"},
    {.field = NULL},
};

static const struct list deal_list = {
    .alias = "d",
    .columns = deal_columns,
    .rows = SQL_DEALS_LIST,
    .count = SQL_DEALS_COUNT,
    .scope = "d.organization_id = $1 AND d.deleted_at IS NULL",
    .counter = "deals",
    .fields = deal_fields,
    .keys = deal_keys,
    .id = "d.id",
    .id_index = SQL_DEALS_LIST_ID,
};

static const struct schema deal_schema = {"Deal", deal_fields};
static const struct schema create_schema = {"DealCreate", create_fields};
static const struct schema update_schema = {"DealUpdate", update_fields};
static const struct schema status_schema = {"DealStatus", status_fields};

/* --- rules ----------------------------------------------------------------------------------- */

/* True if `text` is not NULL and equals `other`. */
static bool equals_status(const char *text, const char *other)
{
    return text && !strcmp(text, other);
}

/* True if the deal has no amount before the change, and one after it. */
static bool gets_first_amount(const struct record_change *change)
{
    return record_value(change, "amount")->integer &&
           (!change->before || !fields_get(deal_fields, change->before, "amount")->integer);
}

/* Reads the currency of the amount. On PostgreSQL this makes the transaction conflict with a
 * concurrent change of the currency, which reads the amounts: one of both is repeated, and sees the
 * other. */
static struct error *read_currency(const struct record_change *change)
{
    struct store_query *query =
        store_query(change->store, change->request->arena, SQL_ORGANIZATIONS_CURRENCY);
    bool row;
    store_bind_integer(query, app_principal(change->request)->organization_id);
    struct error *error = store_next(query, &row);
    if (!error && row) {
        store_end(query);
    }
    return error;
}

static struct error *check_deal(struct record_change *change)
{
    struct value *amount = record_value(change, "amount");
    record_default_owner(change, "owner_id");
    if (!change->before) {
        field_set_string(record_value(change, "status"), status_new);
    }
    if (amount->state == VALUE_ABSENT) {
        field_set_integer(amount, 0);
    }
    bool unpaid_win =
        equals_status(record_string(change, "outcome"), status_won) && amount->integer == 0;
    if (unpaid_win) {
        return error_field(change->request->arena, "amount", FAULT_NOT_POSITIVE, NULL);
    }
    return gets_first_amount(change) ? read_currency(change) : NULL;
}

/* Adds an activity for each change of the status. */
static struct error *add_status_activity(struct record_change *change)
{
    return change->before && record_field_changed(change, "status")
               ? activities_insert_status_change(
                     change, fields_string(deal_fields, change->before, "status"),
                     record_string(change, "status"))
               : NULL;
}

static void add_deal_deltas(struct arena *arena, struct value *values,
                            struct counter_deltas *deltas)
{
    const char *status = fields_string(deal_fields, values, "status");
    const char *outcome = fields_string(deal_fields, values, "outcome");
    counter_deltas_add(deltas, "deals", 1);
    counter_deltas_add(deltas, arena_format(arena, "%s%s", status_counter, status), 1);
    counter_deltas_add_id(deltas, arena, owner_counter,
                          fields_get(deal_fields, values, "owner_id"));
    bool open = equals_status(status, status_new) || equals_status(status, status_in_progress);
    if (open || equals_status(status, status_closed)) {
        counter_deltas_add(deltas, arena_format(arena, "deals.%s", status), 1);
    }
    if (outcome) {
        counter_deltas_add(deltas, arena_format(arena, "deals.%s", outcome), 1);
    }
    if (open) {
        counter_deltas_add(deltas, "deals.pipeline",
                           fields_get(deal_fields, values, "amount")->integer);
    }
}

static const struct record_reference deal_references[] = {
    {"contact_id", SQL_CONTACTS_VISIBLE, FAULT_NO_SUCH_OBJECT},
    {"owner_id", SQL_MEMBERS_ROLE, FAULT_NO_SUCH_MEMBER},
    {.field = NULL},
};

static const struct records deals = {
    .path = "/api/v1/deals",
    .schema = &deal_schema,
    .get = SQL_DEALS_GET,
    .insert = SQL_DEALS_INSERT,
    .update = SQL_DEALS_UPDATE,
    .list = &deal_list,
    .references = deal_references,
    .before_write = check_deal,
    .after_write = add_status_activity,
    .add_deltas = add_deal_deltas,
};

/* --- change of the status -------------------------------------------------------------------- */

static struct error *apply_deal_status(struct record_change *change)
{
    const struct request *request = change->request;
    const char *status = request_body_string(request, "status");
    const char *reason = request_body_string(request, "lost_reason");
    struct error *error = record_check_transition(change, deal_steps, status);
    if (error) {
        return error;
    }
    field_set_string(record_value(change, "status"), status);
    if (equals_status(status, status_won) || equals_status(status, status_lost)) {
        field_set_string(record_value(change, "outcome"), status);
        field_set_string(record_value(change, "lost_reason"), reason);
    }
    if (equals_status(status, status_closed)) {
        field_set_integer(record_value(change, "closed_at"), change->now);
    }
    return reason && !equals_status(status, status_lost)
               ? error_field(request->arena, "lost_reason", FAULT_ONLY_WITH, status_lost)
               : NULL;
}

static struct error *change_deal_status(struct request *request, struct reply *reply)
{
    return records_apply(request, reply, apply_deal_status);
}

/* --- routes ---------------------------------------------------------------------------------- */

#define PATH "/api/v1/deals"

static const enum error_id status_errors[] = {RECORD_ERRORS, ERR_INVALID_TRANSITION, ERR_COUNT};

const struct route deals_routes[] = {
    {RECORDS_LIST_ROW(&deals, PATH, &deal_schema), .scope = SCOPE_DEALS_READ,
     .summary = {"Получить список сделок", "List the deals"}, .query = list_query},
    {RECORDS_GET_ROW(&deals, PATH, &deal_schema), .scope = SCOPE_DEALS_READ,
     .summary = {"Получить сделку", "Get a deal"}},
    {RECORDS_CREATE_ROW(&deals, PATH, "deal", &deal_schema), .scope = SCOPE_DEALS_WRITE,
     .summary = {"Создать сделку", "Create a deal"}, .body = &create_schema,
     .errors = records_errors},
    {RECORDS_UPDATE_ROW(&deals, PATH, "deal", &deal_schema), .scope = SCOPE_DEALS_WRITE,
     .summary = {"Изменить сделку", "Change a deal"}, .body = &update_schema,
     .errors = records_errors},
    {RECORDS_DELETE_ROW(&deals, PATH, "deal"), .scope = SCOPE_DEALS_WRITE,
     .summary = {"Удалить сделку", "Delete a deal"}, .errors = records_errors},
    {RECORDS_RESTORE_ROW(&deals, PATH, "deal", &deal_schema), .scope = SCOPE_DEALS_WRITE,
     .summary = {"Восстановить сделку", "Restore a deal"}, .errors = records_restore_errors},
    {RECORDS_ROW(&deals, METHOD_POST, PATH "/{id}/status", change_deal_status, PERMIT_UPDATE),
     .scope = SCOPE_DEALS_WRITE,
     .summary = {"Сменить статус сделки", "Change the status of a deal"},
     .about = {"`NEW` → `IN_PROGRESS` → `WON` или `LOST` → `CLOSED`; для `WON` сумма должна быть "
               "больше нуля.",
               "`NEW` → `IN_PROGRESS` → `WON` or `LOST` → `CLOSED`; `WON` requires an amount above "
               "zero."},
     .body = &status_schema, .shape = REPLY_RECORD, .reply = &deal_schema, .versioned = true,
     .errors = status_errors, .action = "change_deal_status", .resource_type = "deal",
     .resource = "id"},
    {.pattern = NULL},
};
