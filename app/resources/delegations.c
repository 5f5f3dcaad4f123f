/*
 * Delegations: which user or group of the directory has which rights below which unit. Only
 * administrators manage them: no right of a delegation permits these calls.
 */
#include "rest/delegations.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/right.h"
#include "directory/directory.h"
#include "http/reply.h"
#include "resources/resources.h"
#include "rest/entries.h"
#include "rest/lists.h"
#include "rest/rows.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- rights ---------------------------------------------------------------------------------- */

/* Names that a request may use in place of several rights. */
static const struct preset {
    const char *name;
    unsigned rights;
} presets[] = {
    {"helpdesk", RIGHT_BIT(RIGHT_READ) | RIGHT_BIT(RIGHT_UNLOCK) | RIGHT_BIT(RIGHT_RESET_PASSWORD) |
                     RIGHT_BIT(RIGHT_ENABLE)},
    {"manager", RIGHT_BIT(RIGHT_READ) | RIGHT_BIT(RIGHT_UNLOCK) | RIGHT_BIT(RIGHT_RESET_PASSWORD) |
                    RIGHT_BIT(RIGHT_ENABLE) | RIGHT_BIT(RIGHT_UPDATE) | RIGHT_BIT(RIGHT_MEMBERS)},
};

enum { PRESETS = sizeof presets / sizeof *presets };

/* The rights, then the presets. */
static const char *const right_choices[RIGHT_COUNT + PRESETS + 1] = {
    "read",   "unlock", "reset_password", "enable",   "update", "create",
    "delete", "move",   "members",        "helpdesk", "manager"};

/* --- field maps ------------------------------------------------------------------------------ */

enum {
    FIELDS_MAX = 200,     /* names in `fields` */
    FIELD_NAME_MAX = 128, /* characters of each */
    DELEGATIONS_MAX = 2000,
    OF_PRINCIPAL_MAX = 100, /* delegations of one principal: each request evaluates all of them */
};

#define REFERENCE(name_, ru_, en_, example_)                                                       \
    {                                                                                              \
        .name = (name_), .type = FIELD_STRING, .flags = FIELD_REQUIRED, .min = 1, .max = 4096,     \
        .about = {(ru_), (en_)}, .example = (example_)                                             \
    }

#define SHOWN(name_, flags_, format_, ru_, en_, example_)                                          \
    {                                                                                              \
        .name = (name_), .type = FIELD_STRING, .flags = (flags_), .format = (format_),             \
        .about = {(ru_), (en_)}, .example = (example_)                                             \
    }

/* A column that replies do not have. */
#define INTERNAL(name_, type_, ru_, en_, example_)                                                 \
    {                                                                                              \
        .name = (name_), .type = (type_), .flags = FIELD_INTERNAL, .about = {(ru_), (en_)},        \
        .example = (example_)                                                                      \
    }

#define GUID_EXAMPLE "\"a1f3c0de-5b1c-4b8e-9a55-0d3f7f1e2c11\""

#define PRINCIPAL_EXAMPLE "\"CN=helpdesk,OU=Groups,DC=kontora,DC=test\""
#define SCOPE_EXAMPLE "\"OU=Staff,DC=kontora,DC=test\""

#define RIGHTS(flags_, choices_, items_, example_, ...)                                            \
    {                                                                                              \
        .name = "rights", .type = FIELD_STRINGS, .flags = (flags_), .choices = (choices_),         \
        .items_max = (items_), .about = {__VA_ARGS__}, .example = (example_)                       \
    }

#define RIGHTS_ABOUT                                                                               \
    "Права. `helpdesk` заменяется на read, unlock, "                              \
    "reset_password и enable, `manager` — на те же права, "                          \
    "update и members",                                                                            \
        "The rights. `helpdesk` is replaced by read, unlock, reset_password and enable, "          \
        "`manager` by these, update and members"

#define FIELDS(flags_, items_)                                                                     \
    {                                                                                              \
        .name = "fields", .type = FIELD_STRINGS, .flags = FIELD_NULLABLE | (flags_), .min = 1,     \
        .max = FIELD_NAME_MAX, .items_max = (items_),                                              \
        .about = {"Поля, которые разрешает изменять право update; null: все",                      \
                  "The fields that the right `update` permits to change; null: all"},              \
        .example = "[\"telephoneNumber\",\"mobile\"]"                                              \
    }

/* The fields have the order of the columns of delegations_list and delegations_get. */
static const struct field delegation_fields[] = {
    {.name = "id", .type = FIELD_INTEGER, .about = {"Идентификатор", "The id"}, .example = "42"},
    SHOWN("principal", FIELD_NULLABLE, "dn",
          "DN пользователя или группы, у которых есть права; null, если объекта больше нет",
          "The DN of the user or group that has the rights; null if it no longer exists",
          PRINCIPAL_EXAMPLE),
    SHOWN("principal_name", 0, NULL, "Имя пользователя или группы", "The name of the user or group",
          "\"helpdesk\""),
    SHOWN("scope", FIELD_NULLABLE, "dn",
          "DN подразделения, контейнера или домена, на объекты которого даны права; null, если его "
          "больше нет",
          "The DN of the unit, container or domain whose entries the rights concern; null if it "
          "no longer exists",
          SCOPE_EXAMPLE),
    RIGHTS(0, right_names, 0, "[\"read\",\"update\"]", "Права", "The rights"),
    FIELDS(0, 0),
    {.name = "created_at",
     .type = FIELD_TIME,
     .about = {"Время создания", "The time of creation"},
     .example = "\"2026-11-20T12:34:56.789Z\""},
    SHOWN("created_by", 0, NULL, "Имя пользователя, который создал делегирование",
          "The name of the user who created the delegation", "\"admin\""),
    INTERNAL("principal_guid", FIELD_STRING, "objectGUID пользователя или группы",
             "The objectGUID of the user or group", GUID_EXAMPLE),
    INTERNAL("principal_sid", FIELD_STRING, "SID пользователя или группы",
             "The SID of the user or group", "\"S-1-5-21-1-2-3-1104\""),
    INTERNAL("scope_guid", FIELD_STRING, "objectGUID подразделения, контейнера или домена",
             "The objectGUID of the unit, container or domain", GUID_EXAMPLE),
    INTERNAL("version", FIELD_INTEGER, "Номер версии", "The version number", "1"),
    {.name = NULL},
};

static const struct field create_fields[] = {
    REFERENCE("principal", "DN или objectGUID пользователя или группы безопасности",
              "The DN or objectGUID of a user or a security group", PRINCIPAL_EXAMPLE),
    REFERENCE("scope", "DN или objectGUID подразделения, контейнера или домена",
              "The DN or objectGUID of a unit, a container or the domain", SCOPE_EXAMPLE),
    RIGHTS(FIELD_REQUIRED, right_choices, RIGHT_COUNT + PRESETS, "[\"helpdesk\"]", RIGHTS_ABOUT),
    FIELDS(0, FIELDS_MAX),
    {.name = NULL},
};

static const struct field update_fields[] = {
    RIGHTS(0, right_choices, RIGHT_COUNT + PRESETS, "[\"manager\"]", RIGHTS_ABOUT),
    FIELDS(0, FIELDS_MAX),
    {.name = NULL},
};

static const struct field list_query[] = {
    LIST_QUERY_FIELDS("`id`", "-id"),
    {.name = NULL},
};

static const struct field path_fields[] = {
    {.name = "id",
     .type = FIELD_INTEGER,
     .flags = FIELD_REQUIRED,
     .min = 1,
     .max = INT64_MAX,
     .about = {"Идентификатор", "The id"},
     .example = "42"},
    {.name = NULL},
};

static const struct list_key delegation_keys[] = {
    {"id", "d.id", SQL_DELEGATIONS_LIST_ID, FIELD_INTEGER, LIST_SORT},
    {.name = NULL},
};

static const struct list delegation_list = {
    .alias = "d",
    .rows = SQL_DELEGATIONS_LIST,
    .count = SQL_DELEGATIONS_COUNT,
    .fields = delegation_fields,
    .keys = delegation_keys,
    .id = "d.id",
    .id_index = SQL_DELEGATIONS_LIST_ID,
};

static const struct schema delegation_schema = {"Delegation", delegation_fields};
static const struct schema create_schema = {"DelegationCreate", create_fields};
static const struct schema update_schema = {"DelegationUpdate", update_fields};

/* --- rights and fields of bodies -------------------------------------------------------------- */

static unsigned find_rights(const char *name)
{
    for (enum right right = 0; right < RIGHT_COUNT; right++) {
        if (!strcmp(right_names[right], name)) {
            return RIGHT_BIT(right);
        }
    }
    for (size_t i = 0; i < PRESETS; i++) {
        if (!strcmp(presets[i].name, name)) {
            return presets[i].rights;
        }
    }
    return 0; /* not reached: the field map accepts no other names */
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* True if the right `update` covers the field. The others need a right of their own. */
static bool is_updated_field(const char *name)
{
    static const char *const others[] = {"parent_dn", "password", "enabled", "unlock",
                                         "must_change_password"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (!strcmp(others[i], name)) {
            return false;
        }
    }
    return true;
}

/* True if the call changes the fields of an entry of the directory. */
static bool updates_entry(const struct route *route)
{
    return route->method == METHOD_PATCH && route->permission == PERMIT_DIRECTORY_WRITE &&
           route->body != &update_schema;
}

/* Returns the sorted names of all fields that the right `update` covers: those of the bodies that
 * change entries, and the photo. */
static const char *const *list_updated_fields(struct arena *arena, size_t *count_r)
{
    enum { FIELDS_OF_ALL_MAX = 512 };
    const char **names = arena_array(arena, FIELDS_OF_ALL_MAX, sizeof *names);
    size_t count = 0, kept = 0;
    names[count++] = "photo";
    for (const struct resource *resource = resources; resource->routes; resource++) {
        for (const struct route *route = resource->routes; route->pattern; route++) {
            const struct field *field = updates_entry(route) ? route->body->fields : NULL;
            for (; field && field->name && count < FIELDS_OF_ALL_MAX; field++) {
                if (is_updated_field(field->name)) {
                    names[count++] = field->name;
                }
            }
        }
    }
    qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 0; i < count; i++) {
        if (!kept || strcmp(names[kept - 1], names[i]) != 0) {
            names[kept++] = names[i];
        }
    }
    *count_r = kept;
    return names;
}

static struct error *report_unknown_field(struct arena *arena, const char *const *names,
                                          size_t count)
{
    struct buffer list = {.arena = arena};
    for (size_t i = 0; i < count; i++) {
        buffer_format(&list, "%s%s", i ? ", " : "", names[i]);
    }
    return error_field(arena, "fields", FAULT_NOT_ONE_OF, list.bytes);
}

/* Checks the names of fields, sorts them and removes repetitions. */
static struct error *normalize_fields(struct arena *arena, const struct field_strings *given,
                                      struct field_strings *fields_r)
{
    size_t known_count, kept = 0;
    const char *const *known = list_updated_fields(arena, &known_count);
    const char **names = arena_array(arena, given->count + 1, sizeof *names);
    memcpy(names, given->items, given->count * sizeof *names);
    qsort(names, given->count, sizeof *names, compare_names);
    for (size_t i = 0; i < given->count; i++) {
        if (!bsearch(&names[i], known, known_count, sizeof *known, compare_names)) {
            return report_unknown_field(arena, known, known_count);
        }
        if (!kept || strcmp(names[kept - 1], names[i]) != 0) {
            names[kept++] = names[i];
        }
    }
    *fields_r = (struct field_strings){names, kept};
    return NULL;
}

/* The rights and fields of a delegation. */
struct permission_set {
    unsigned rights;
    struct field_strings fields;
    bool has_fields; /* `fields` limits the right `update` */
};

/* Reads the rights and fields of a body; those that it lacks stay as they are. */
static struct error *read_permission_set(struct request *request, struct permission_set *set)
{
    const struct value *rights = request_body_value(request, "rights");
    const struct value *fields = request_body_value(request, "fields");
    struct error *error = NULL;
    if (rights->state == VALUE_SET) {
        set->rights = 0;
        for (size_t i = 0; i < rights->strings.count; i++) {
            set->rights |= find_rights(rights->strings.items[i]);
        }
    }
    if (!set->rights) {
        error = error_field(request->arena, "rights", FAULT_REQUIRED, NULL);
    }
    if (fields->state != VALUE_ABSENT) {
        set->has_fields = fields->state == VALUE_SET;
    }
    if (fields->state == VALUE_SET) {
        error =
            error_merge(error, normalize_fields(request->arena, &fields->strings, &set->fields));
    }
    if (set->has_fields && !error && !set->fields.count) {
        return error_field(request->arena, "fields", FAULT_REQUIRED, NULL);
    }
    if (set->has_fields && !error && !(set->rights & RIGHT_BIT(RIGHT_UPDATE))) {
        return error_field(request->arena, "fields", FAULT_ONLY_WITH, "update");
    }
    return error;
}

/* Returns the form of the fields in the database. */
static const char *join_set_fields(struct arena *arena, const struct permission_set *set)
{
    return set->has_fields ? delegations_join_fields(arena, set->fields.items, set->fields.count)
                           : NULL;
}

/* --- reading --------------------------------------------------------------------------------- */

static struct value *read_delegation_values(struct arena *arena, struct store_query *query)
{
    struct value *values = rows_read(query, arena, delegation_fields);
    const char *fields = store_text(query, SQL_DELEGATIONS_LIST_FIELDS, NULL);
    size_t count;
    const char *const *names = delegations_right_names(
        arena, (unsigned)store_integer(query, SQL_DELEGATIONS_LIST_RIGHTS), &count);
    field_set_strings(fields_get(delegation_fields, values, "rights"), names, count);
    if (fields) {
        names = delegations_split_fields(arena, fields, &count);
        field_set_strings(fields_get(delegation_fields, values, "fields"), names, count);
    }
    return values;
}

static struct error *read_list_item(struct request *request, struct store_query *query,
                                    struct value **item_r)
{
    *item_r = read_delegation_values(request->arena, query);
    return NULL;
}

static const char *get_text(struct value *values, const char *name)
{
    return fields_string(delegation_fields, values, name);
}

/* Replaces the stored DNs and the name by the current ones. */
static void set_current_names(struct value *values, const struct directory_object *objects,
                              size_t count)
{
    const struct directory_object *principal =
        directory_located(objects, count, get_text(values, "principal_guid"));
    const struct directory_object *scope =
        directory_located(objects, count, get_text(values, "scope_guid"));
    field_set_string(fields_get(delegation_fields, values, "principal"),
                     principal ? principal->dn : NULL);
    field_set_string(fields_get(delegation_fields, values, "scope"), scope ? scope->dn : NULL);
    if (principal && principal->dn) {
        field_set_string(fields_get(delegation_fields, values, "principal_name"), principal->name);
    }
}

/* Reads the current names of the principals and scopes from the directory. */
static struct error *locate_delegations(struct request *request, struct value *const *items,
                                        size_t count)
{
    struct directory_object *objects = arena_array(request->arena, 2 * count + 1, sizeof *objects);
    for (size_t i = 0; i < count; i++) {
        objects[2 * i].guid = get_text(items[i], "principal_guid");
        objects[2 * i + 1].guid = get_text(items[i], "scope_guid");
    }
    struct error *error =
        directory_locate(app_of(request)->directory, request->arena, objects, 2 * count);
    for (size_t i = 0; !error && i < count; i++) {
        set_current_names(items[i], objects, 2 * count);
    }
    return error;
}

static struct error *list_delegations(struct request *request, struct reply *reply)
{
    const struct list_source source = {.list = &delegation_list, .read = read_list_item};
    struct error *error = list_reply_from(request, reply, &source);
    return error ? error : locate_delegations(request, reply->items, reply->items_count);
}

/* Reads the stored delegation. ERR_NOT_FOUND if it does not exist. */
static struct error *read_delegation(struct store *store, struct arena *arena, int64_t id,
                                     struct value **values_r)
{
    struct store_query *query = store_query(store, arena, SQL_DELEGATIONS_GET);
    bool row;
    store_bind_integer(query, id);
    struct error *error = store_next(query, &row);
    if (error || !row) {
        return error ? error : error_new(arena, ERR_NOT_FOUND, NULL);
    }
    *values_r = read_delegation_values(arena, query);
    return store_next(query, &row);
}

static int64_t get_delegation_version(struct value *values)
{
    return fields_get(delegation_fields, values, "version")->integer;
}

static struct error *get_delegation(struct request *request, struct reply *reply)
{
    struct value *values = NULL;
    struct error *error = read_delegation(app_of(request)->store, request->arena,
                                          request_path_id(request, "id"), &values);
    if (!error) {
        error = locate_delegations(request, &values, 1);
    }
    return error ? error
                 : reply_conditional(request, reply, values, get_delegation_version(values));
}

/* --- changes --------------------------------------------------------------------------------- */

/* The context of a transaction that changes a delegation. */
struct delegation_change {
    struct request *request;
    struct directory_object principal, scope; /* of a new delegation */
    struct permission_set set;
    int64_t id;
    struct value *values; /* the delegation after the change */
};

/* Makes all processes read the rules again. */
static struct error *renew_rules_version(struct store *store, struct arena *arena)
{
    return store_execute(store_query(store, arena, SQL_DELEGATIONS_NEW_VERSION));
}

/* ERR_TOO_MANY_DELEGATIONS if there can be no further delegation of this principal. */
static struct error *check_number(struct store *store, struct arena *arena, const char *principal)
{
    struct store_query *query = store_query(store, arena, SQL_DELEGATIONS_NUMBERS);
    bool row, full = false;
    store_bind_text(query, principal);
    struct error *error = store_next(query, &row);
    if (!error && row) {
        full = store_integer(query, SQL_DELEGATIONS_NUMBERS_TOTAL) >= DELEGATIONS_MAX ||
               store_integer(query, SQL_DELEGATIONS_NUMBERS_OWN) >= OF_PRINCIPAL_MAX;
        error = store_next(query, &row);
    }
    return error || !full ? error : error_new(arena, ERR_TOO_MANY_DELEGATIONS, NULL);
}

static struct error *insert_delegation(struct store *store, void *context)
{
    struct delegation_change *change = context;
    struct request *request = change->request;
    struct arena *arena = request->arena;
    const struct delegation_texts texts = {
        .principal = change->principal.dn,
        .principal_name = change->principal.name,
        .scope = change->scope.dn,
        .rights = change->set.rights,
        .fields = join_set_fields(arena, &change->set),
        .created_by = app_principal(request)->username,
    };
    struct error *error = check_number(store, arena, change->principal.guid);
    if (error) {
        return error;
    }
    struct store_query *query = store_query(store, arena, SQL_DELEGATIONS_INSERT);
    store_bind_text(query, change->principal.guid);
    store_bind_text(query, change->principal.sid);
    store_bind_text(query, change->principal.dn);
    store_bind_text(query, change->principal.name);
    store_bind_text(query, change->scope.guid);
    store_bind_text(query, change->scope.dn);
    store_bind_integer(query, (int64_t)change->set.rights);
    store_bind_text(query, texts.fields);
    store_bind_integer(query, clock_wall_ms());
    store_bind_text(query, texts.created_by);
    store_bind_text(query, delegations_fold(arena, &texts));
    error = rows_read_number(query, &change->id);
    if (!error) {
        error = renew_rules_version(store, arena);
    }
    return error ? error : read_delegation(store, arena, change->id, &change->values);
}

static struct error *create_delegation(struct request *request, struct reply *reply)
{
    const struct app *app = request->app;
    struct delegation_change change = {.request = request};
    struct error *principal_error = directory_find_principal(
        app->directory, request->arena, request_body_string(request, "principal"), "principal",
        &change.principal);
    struct error *scope_error =
        directory_find_scope(app->directory, request->arena, request_body_string(request, "scope"),
                             "scope", &change.scope);
    struct error *error = error_merge(error_merge(principal_error, scope_error),
                                      read_permission_set(request, &change.set));
    if (!error) {
        request->subject = change.principal.name;
        error = store_write(app->store, request->arena, insert_delegation, &change);
    }
    if (error && store_is_violation(error, "delegations_principal_guid_scope_guid")) {
        error = error_field(request->arena, "scope", FAULT_TAKEN, NULL);
        error->id = ERR_ALREADY_EXISTS;
    }
    if (error) {
        return error;
    }
    const char *id = arena_format(request->arena, "%" PRId64, change.id);
    request->subject = id;
    reply_created(request, reply, request->route->pattern, id);
    reply_versioned(request, reply, change.values, get_delegation_version(change.values));
    return NULL;
}

/* Reads the delegation of the path for a change, and checks the conditions of the request. */
static struct error *begin_delegation_change(struct store *store, struct delegation_change *change)
{
    struct request *request = change->request;
    change->id = request_path_id(request, "id");
    struct error *error = read_delegation(store, request->arena, change->id, &change->values);
    return error ? error : reply_check_conditions(request, get_delegation_version(change->values));
}

static struct error *write_delegation(struct store *store, void *context)
{
    struct delegation_change *change = context;
    struct arena *arena = change->request->arena;
    struct error *error = begin_delegation_change(store, change);
    if (error) {
        return error;
    }
    const struct value *rights = fields_get(delegation_fields, change->values, "rights");
    const struct value *fields = fields_get(delegation_fields, change->values, "fields");
    change->set = (struct permission_set){.has_fields = fields->state == VALUE_SET};
    for (size_t i = 0; i < rights->strings.count; i++) {
        change->set.rights |= find_rights(rights->strings.items[i]);
    }
    if (change->set.has_fields) {
        change->set.fields = fields->strings;
    }
    if ((error = read_permission_set(change->request, &change->set))) {
        return error;
    }
    const struct delegation_texts texts = {
        .principal = get_text(change->values, "principal"),
        .principal_name = get_text(change->values, "principal_name"),
        .scope = get_text(change->values, "scope"),
        .rights = change->set.rights,
        .fields = join_set_fields(arena, &change->set),
        .created_by = get_text(change->values, "created_by"),
    };
    struct store_query *query = store_query(store, arena, SQL_DELEGATIONS_UPDATE);
    store_bind_integer(query, change->id);
    store_bind_integer(query, (int64_t)texts.rights);
    store_bind_text(query, texts.fields);
    store_bind_integer(query, clock_wall_ms());
    store_bind_text(query, delegations_fold(arena, &texts));
    error = store_execute(query);
    if (!error) {
        error = renew_rules_version(store, arena);
    }
    return error ? error : read_delegation(store, arena, change->id, &change->values);
}

static struct error *update_delegation(struct request *request, struct reply *reply)
{
    struct delegation_change change = {.request = request};
    struct error *error =
        store_write(app_of(request)->store, request->arena, write_delegation, &change);
    if (error) {
        return error;
    }
    /* The change is committed. If the directory is not available, the reply has the stored
     * names. */
    (void)!locate_delegations(request, &change.values, 1);
    reply_versioned(request, reply, change.values, get_delegation_version(change.values));
    return NULL;
}

static struct error *remove_delegation(struct store *store, void *context)
{
    struct delegation_change *change = context;
    struct error *error = begin_delegation_change(store, change);
    if (error) {
        return error;
    }
    struct store_query *query = store_query(store, change->request->arena, SQL_DELEGATIONS_DELETE);
    store_bind_integer(query, change->id);
    error = store_execute(query);
    return error ? error : renew_rules_version(store, change->request->arena);
}

static struct error *delete_delegation(struct request *request, struct reply *reply)
{
    struct delegation_change change = {.request = request};
    struct error *error =
        store_write(app_of(request)->store, request->arena, remove_delegation, &change);
    if (!error) {
        reply_no_content(reply);
    }
    return error;
}

/* --- routes ---------------------------------------------------------------------------------- */

#define PATH "/api/v1/delegations"

static const enum error_id read_errors[] = {
    ERR_NOT_FOUND,         ERR_DATABASE_UNAVAILABLE, ENTRIES_UNAVAILABLE_ERRORS,
    ERR_DIRECTORY_REFUSED, ERR_DIRECTORY_LIMIT,      ERR_COUNT};
static const enum error_id create_errors[] = {ERR_ALREADY_EXISTS,
                                              ERR_TOO_MANY_DELEGATIONS,
                                              ERR_DATABASE_UNAVAILABLE,
                                              ENTRIES_UNAVAILABLE_ERRORS,
                                              ERR_DIRECTORY_REFUSED,
                                              ERR_DIRECTORY_LIMIT,
                                              ERR_COUNT};
static const enum error_id change_errors[] = {ERR_NOT_FOUND, ERR_DATABASE_UNAVAILABLE, ERR_COUNT};

#define DELEGATION_ROW(method_, pattern_, handler_)                                                \
    .method = (method_), .pattern = (pattern_), .path = path_fields, .handler = (handler_),        \
    .permission = PERMIT_DIRECTORY_WRITE, .scope = SCOPE_CLOSED, .pool = POOL_DIRECTORY

const struct route delegations_routes[] = {
    {DELEGATION_ROW(METHOD_GET, PATH, list_delegations),
     .summary = {"Получить список делегирований", "List the delegations"}, .query = list_query,
     .shape = REPLY_PAGE, .reply = &delegation_schema, .errors = read_errors},
    {DELEGATION_ROW(METHOD_GET, PATH "/{id}", get_delegation),
     .summary = {"Получить делегирование", "Get a delegation"}, .shape = REPLY_RECORD,
     .reply = &delegation_schema, .versioned = true, .errors = read_errors},
    {DELEGATION_ROW(METHOD_POST, PATH, create_delegation),
     .summary = {"Создать делегирование", "Create a delegation"}, .body = &create_schema,
     .shape = REPLY_RECORD, .reply = &delegation_schema, .creates = true, .versioned = true,
     .errors = create_errors, .action = "create_delegation", .resource_type = "delegation"},
    {DELEGATION_ROW(METHOD_PATCH, PATH "/{id}", update_delegation),
     .summary = {"Изменить права делегирования", "Change the rights of a delegation"},
     .body = &update_schema, .shape = REPLY_RECORD, .reply = &delegation_schema, .versioned = true,
     .errors = change_errors, .action = "update_delegation", .resource_type = "delegation"},
    {DELEGATION_ROW(METHOD_DELETE, PATH "/{id}", delete_delegation),
     .summary = {"Удалить делегирование", "Delete a delegation"}, .shape = REPLY_NOTHING,
     .versioned = true, .errors = change_errors, .action = "delete_delegation",
     .resource_type = "delegation"},
    {.pattern = NULL},
};
