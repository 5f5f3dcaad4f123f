/* Contacts: the people and companies that an organization does business with. */
#include "auth/account.h"
#include "base/fold.h"
#include "resources/resources.h"
#include "rest/accounts.h"
#include "rest/contact_keys.h"
#include "rest/records.h"
#include "rest/rows.h"

#include <strings.h>

/* --- field maps ------------------------------------------------------------------------------ */

#define CONTACT_FIELDS(name_flags_)                                                                \
    RECORD_LINE("name", name_flags_, 200, "Имя", "The name", "\"Анна Петрова\""),                  \
        {.name = "email",                                                                          \
         .type = FIELD_STRING,                                                                     \
         .flags = FIELD_NAME | FIELD_ADDRESS | FIELD_NULLABLE,                                     \
         .min = 3,                                                                                 \
         .max = 254,                                                                               \
         .check = account_check_email,                                                             \
         .format = "email",                                                                        \
         .about = {"Адрес электронной почты", "The email address"},                                \
         .example = "\"petrova@example.com\""},                                                    \
        RECORD_LINE("phone", FIELD_NULLABLE, 50, "Телефон", "The telephone number",                \
                    "\"+7 495 123-45-67\""),                                                       \
        RECORD_LINE("company", FIELD_NULLABLE, 200, "Компания", "The company",                     \
                    "\"ООО «Ромашка»\""),                                                          \
        RECORD_LINE("position", FIELD_NULLABLE, 200, "Должность", "The position", "\"Директор\""), \
        RECORD_TEXT("notes", FIELD_NULLABLE, "Заметки", "Notes", "\"Звонить после обеда\""),       \
        RECORD_REFERENCE("owner_id", FIELD_NULLABLE, "Ответственный: учётная запись",              \
                         "The responsible member: an account")

static const struct field contact_fields[] = {
    RECORD_ID,
    CONTACT_FIELDS(0),
    /* The folded address, which a unique index covers; null if the caller allowed a
     * duplicate. */
    RECORD_LINE("email_unique_key", FIELD_INTERNAL, 254, "Адрес", "The address", "null"),
    RECORD_HISTORY,
    {.name = NULL},
};

static const struct field create_fields[] = {
    CONTACT_FIELDS(FIELD_REQUIRED),
    {.name = NULL},
};

static const struct field update_fields[] = {
    CONTACT_FIELDS(0),
    {.name = NULL},
};

static const struct field list_query[] = {
    LIST_QUERY_FIELDS("`id`, `name`, `created_at`", "-created_at"),
    LIST_SEARCH_FIELD,
    RECORD_LINE("email", 0, 254, "Адрес электронной почты", "The email address",
                "\"petrova@example.com\""),
    RECORD_REFERENCE("owner_id", 0, "Ответственный", "The responsible member"),
    {.name = NULL},
};

static const char owner_counter[] = "where.contacts.owner_id=";

static const struct list_key contact_keys[] = {
    {"id", "c.id", SQL_CONTACTS_LIST_ID, FIELD_INTEGER, LIST_SORT},
    {"name", "c.name_sort_key", SQL_CONTACTS_LIST_NAME_SORT_KEY, FIELD_STRING,
     LIST_SORT | LIST_SORT_KEY},
    {"created_at", "c.created_at", SQL_CONTACTS_LIST_CREATED_AT, FIELD_TIME, LIST_SORT},
    {"email", "c.email_key", 0, FIELD_STRING, LIST_FILTER | LIST_ADDRESS | LIST_NARROW},
    {"owner_id", "c.owner_id", 0, FIELD_INTEGER, LIST_FILTER, owner_counter},
    {.name = NULL},
};

static const struct list_column contact_columns[] = {
    {.field = "email", .key = "c.email_key"},
    {.field = NULL},
};

static const struct list contact_list = {
    .alias = "c",
    .columns = contact_columns,
    .rows = SQL_CONTACTS_LIST,
    .count = SQL_CONTACTS_COUNT,
    .scope = "c.organization_id = $1 AND c.deleted_at IS NULL",
    .counter = "contacts",
    .search_found = SQL_CONTACTS_FOUND,
    .search_rare = SQL_CONTACTS_SEARCH_RARE,
    .search_common = SQL_CONTACTS_SEARCH_COMMON,
    .search_id = "f.id",
    .fields = contact_fields,
    .keys = contact_keys,
    .id = "c.id",
    .id_index = SQL_CONTACTS_LIST_ID,
};

static const struct schema contact_schema = {"Contact", contact_fields};
static const struct schema create_schema = {"ContactCreate", create_fields};
static const struct schema update_schema = {"ContactUpdate", update_fields};

/* --- rules ----------------------------------------------------------------------------------- */

/* Returns ERR_DUPLICATE with the id of another contact that has the address, unless the header
 * X-Allow-Duplicate permits it. */
static struct error *check_contact_duplicate(struct record_change *change)
{
    struct arena *arena = change->request->arena;
    const char *key = fold_address(arena, record_string(change, "email"));
    bool found, more, allowed = !strcasecmp(change->request->headers.allow_duplicate, "true");
    field_set_string(record_value(change, "email_unique_key"), allowed ? NULL : key);
    if (!key || allowed) {
        return NULL;
    }
    struct store_query *query = store_query(change->store, arena, SQL_CONTACTS_BY_EMAIL);
    store_bind_integer(query, app_principal(change->request)->organization_id);
    store_bind_text(query, key);
    store_bind_integer(query, record_value(change, "id")->integer);
    struct error *error = store_next(query, &found);
    if (error || !found) {
        return error;
    }
    int64_t other = store_integer(query, SQL_CONTACTS_BY_EMAIL_ID);
    error = store_next(query, &more);
    return error ? error
                 : error_about_object(arena, ERR_DUPLICATE, "email", FAULT_DUPLICATE, other);
}

static struct error *check_contact(struct record_change *change)
{
    record_default_owner(change, "owner_id");
    return record_field_changed(change, "email") ? check_contact_duplicate(change) : NULL;
}

/* Binds the derived columns. */
static void bind_contact_keys(const struct record_change *change, struct store_query *query)
{
    struct contact_texts texts = {
        .name = record_string(change, "name"),
        .email = record_string(change, "email"),
        .phone = record_string(change, "phone"),
        .company = record_string(change, "company"),
    };
    struct contact_keys keys;
    contact_keys_compute(change->request->arena, &texts, &keys);
    store_bind_bytes(query, keys.name_sort_key, keys.name_sort_key_length);
    store_bind_text(query, keys.email_key);
    store_bind_text(query, keys.search_text);
}

/* Defers indexing to the end of the group commit: indexing many rows together is cheaper. */
static struct error *defer_contact_index(struct record_change *change)
{
    store_defer(change->store, SQL_CONTACTS_INDEX);
    store_defer(change->store, SQL_CONTACTS_INDEXED);
    return NULL;
}

static struct error *refuse_contact_with_deals(struct record_change *change)
{
    struct store_query *query =
        store_query(change->store, change->request->arena, SQL_DEALS_OF_CONTACT);
    bool found, more;
    store_bind_integer(query, app_principal(change->request)->organization_id);
    store_bind_integer(query, record_value(change, "id")->integer);
    struct error *error = store_next(query, &found);
    if (!error && found) {
        error = store_next(query, &more);
    }
    return error || !found ? error : error_new(change->request->arena, ERR_HAS_DEALS, NULL);
}

static void add_contact_deltas(struct arena *arena, struct value *values,
                               struct counter_deltas *deltas)
{
    counter_deltas_add(deltas, "contacts", 1);
    counter_deltas_add_id(deltas, arena, owner_counter,
                          fields_get(contact_fields, values, "owner_id"));
}

static const struct record_reference contact_references[] = {
    {"owner_id", SQL_MEMBERS_ROLE, FAULT_NO_SUCH_MEMBER},
    {.field = NULL},
};

static const struct records contacts = {
    .path = "/api/v1/contacts",
    .schema = &contact_schema,
    .get = SQL_CONTACTS_GET,
    .insert = SQL_CONTACTS_INSERT,
    .update = SQL_CONTACTS_UPDATE,
    .list = &contact_list,
    .references = contact_references,
    .before_write = check_contact,
    .after_write = defer_contact_index,
    .before_hide = refuse_contact_with_deals,
    .before_restore = check_contact_duplicate,
    .bind = bind_contact_keys,
    .add_deltas = add_contact_deltas,
};

/* --- routes ---------------------------------------------------------------------------------- */

#define PATH "/api/v1/contacts"

static const enum error_id write_errors[] = {RECORD_ERRORS, ERR_DUPLICATE, ERR_COUNT};
static const enum error_id delete_errors[] = {RECORD_ERRORS, ERR_HAS_DEALS, ERR_COUNT};

static const struct field write_headers[] = {
    {.name = "X-Allow-Duplicate",
     .type = FIELD_BOOLEAN,
     .about = {"Допустить второй контакт с тем же адресом",
               "Permits a second contact with the same address"},
     .example = "true"},
    {.name = NULL},
};

const struct route contacts_routes[] = {
    {RECORDS_LIST_ROW(&contacts, PATH, &contact_schema), .scope = SCOPE_CONTACTS_READ,
     .summary = {"Получить список контактов", "List the contacts"}, .query = list_query},
    {RECORDS_GET_ROW(&contacts, PATH, &contact_schema), .scope = SCOPE_CONTACTS_READ,
     .summary = {"Получить контакт", "Get a contact"}},
    {RECORDS_CREATE_ROW(&contacts, PATH, "contact", &contact_schema), .scope = SCOPE_CONTACTS_WRITE,
     .summary = {"Создать контакт", "Create a contact"}, .headers = write_headers,
     .body = &create_schema, .errors = write_errors},
    {RECORDS_UPDATE_ROW(&contacts, PATH, "contact", &contact_schema), .scope = SCOPE_CONTACTS_WRITE,
     .summary = {"Изменить контакт", "Change a contact"}, .headers = write_headers,
     .body = &update_schema, .errors = write_errors},
    {RECORDS_DELETE_ROW(&contacts, PATH, "contact"), .scope = SCOPE_CONTACTS_WRITE,
     .summary = {"Удалить контакт", "Delete a contact"}, .errors = delete_errors},
    {RECORDS_RESTORE_ROW(&contacts, PATH, "contact", &contact_schema),
     .scope = SCOPE_CONTACTS_WRITE, .summary = {"Восстановить контакт", "Restore a contact"},
     .headers = write_headers, .errors = write_errors},
    {.pattern = NULL},
};
