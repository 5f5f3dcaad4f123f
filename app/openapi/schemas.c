/* See schemas.h. Writes JSON Schema 2020-12. */
#include "openapi/schemas.h"

#include "base/arena.h"
#include "base/field.h"
#include "http/route.h"
#include "http/selection.h"
#include "openapi/call.h"
#include "openapi/document.h"

#include <string.h>

/* --- schema of one field --------------------------------------------------------------------- */

static bool is_reply(enum use use)
{
    return use == USE_REPLY || use == USE_ITEM;
}

/* True for fields that the document omits: internal ones, and secret ones in replies, which
 * fields_write() omits too. */
static bool is_omitted(const struct field *field, enum use use)
{
    unsigned flags = is_reply(use) ? FIELD_SECRET | FIELD_INTERNAL : FIELD_INTERNAL;
    return field->flags & flags;
}

static const char *json_type_name(enum field_type type)
{
    static const char *const names[] = {
        [FIELD_STRING] = "string",   [FIELD_INTEGER] = "integer", [FIELD_DECIMAL] = "number",
        [FIELD_BOOLEAN] = "boolean", [FIELD_TIME] = "string",     [FIELD_STRINGS] = "array",
        [FIELD_LISTS] = "array",     [FIELD_RECORDS] = "array",   [FIELD_RECORD] = "object",
    };
    return names[type];
}

static void write_field_type(struct document *document, const struct field *field)
{
    struct jsonw *json = &document->json;
    if (!(field->flags & FIELD_NULLABLE)) {
        jsonw_string(json, "type", json_type_name(field->type));
        return;
    }
    jsonw_open_array(json, "type");
    jsonw_string(json, NULL, json_type_name(field->type));
    jsonw_string(json, NULL, "null");
    jsonw_close_array(json);
}

static void write_enum(struct document *document, const struct field *field)
{
    struct jsonw *json = &document->json;
    jsonw_open_array(json, "enum");
    for (const char *const *choice = field->choices; *choice; choice++) {
        jsonw_string(json, NULL, *choice);
    }
    if (field->flags & FIELD_NULLABLE) {
        jsonw_null(json, NULL);
    }
    jsonw_close_array(json);
}

/* Sets of characters for patterns. CONTROLS: control characters. INVISIBLE: blanks except the space
 * and control characters. BLANKS: all blanks (utf8_is_blank()). VISIBLE: all other characters.
 * Blanks beyond U+FFFF are omitted, because a pattern would need the flag `u` for them. */
#define CONTROLS "\\u0000-\\u001F\\u007F-\\u009F"
#define INVISIBLE                                                                                  \
    "\\u00A0\\u00AD\\u034F\\u061C\\u115F\\u1160\\u1680\\u17B4\\u17B5\\u180B-\\u180F\\u2000-"       \
    "\\u200F"                                                                                      \
    "\\u2028-\\u202F\\u205F-\\u206F\\u2800\\u3000\\u3164\\uFE00-\\uFE0F\\uFEFF\\uFFA0\\uFFF0-"     \
    "\\uFFFB"
#define BLANKS " \\t-\\r\\u0085" INVISIBLE
#define VISIBLE "[^ " CONTROLS INVISIBLE "]"

/* Returns the pattern of a field that is trimmed. */
static const char *trimmed_pattern(const struct field *field)
{
    if (field->flags & FIELD_ADDRESS) {
        return "^[" BLANKS "]*" VISIBLE "+[" BLANKS "]*$";
    }
    if (!(field->flags & FIELD_NAME)) {
        return "[^" BLANKS "]";
    }
    return (field->flags & FIELD_VISIBLE) && !(field->flags & FIELD_JOINERS)
               ? "^[" BLANKS "]*" VISIBLE "[^" CONTROLS INVISIBLE "]*[" BLANKS "]*$"
               : "^[" BLANKS "]*" VISIBLE "[^" CONTROLS "]*[" BLANKS "]*$";
}

static void write_string_rules(struct document *document, const struct field *field, enum use use)
{
    struct jsonw *json = &document->json;
    if (field->format) {
        jsonw_string(json, "format", field->format);
    } else if (field->flags & FIELD_SECRET) {
        jsonw_string(json, "format", "password");
    }
    if (field->choices) {
        write_enum(document, field);
        return;
    }
    if (field->min) {
        jsonw_integer(json, "minLength", field->min);
    }
    if (field->max) {
        jsonw_integer(json, "maxLength", field->max);
    }
    if (!is_reply(use) && (field->flags & FIELD_ANY_TRIMMED)) {
        jsonw_string(json, "pattern", trimmed_pattern(field));
    }
}

static void write_number_enum(struct document *document, const struct field *field)
{
    struct jsonw *json = &document->json;
    jsonw_open_array(json, "enum");
    for (const int64_t *number = field->numbers; *number; number++) {
        jsonw_integer(json, NULL, *number);
    }
    if (field->flags & FIELD_NULLABLE) {
        jsonw_null(json, NULL);
    }
    jsonw_close_array(json);
}

static void write_number_rules(struct document *document, const struct field *field)
{
    struct jsonw *json = &document->json;
    if (field->numbers) {
        write_number_enum(document, field);
        return;
    }
    if (field->type == FIELD_DECIMAL) {
        jsonw_decimal(json, "multipleOf", 1, field->scale);
    } else if (field->max <= INT32_MAX && (field->min || field->max)) {
        jsonw_string(json, "format", "int32");
    } else {
        jsonw_string(json, "format", "int64");
    }
    if (field->min || field->max) {
        jsonw_decimal(json, "minimum", field->min, field->scale);
        jsonw_decimal(json, "maximum", field->max, field->scale);
    }
}

/* Writes the schema of the items of an array of arrays of strings. */
static void write_list_items(struct document *document)
{
    struct jsonw *json = &document->json;
    jsonw_open_object(json, "items");
    jsonw_string(json, "type", "array");
    jsonw_open_object(json, "items");
    jsonw_string(json, "type", "string");
    jsonw_close_object(json);
    jsonw_close_object(json);
}

/* Writes the schema of the records of a field, which only replies have. */
static void write_records_schema(struct document *document, const struct field *field)
{
    struct jsonw *json = &document->json;
    if (!(field->flags & FIELD_ITEMS)) {
        schemas_write_object(document, "items", field->fields, USE_REPLY);
        return;
    }
    jsonw_open_object(json, "items");
    jsonw_open_array(json, "anyOf");
    schemas_write_object(document, NULL, field->fields, USE_REPLY);
    schemas_write_object(document, NULL, field->fields, USE_ITEM);
    jsonw_close_array(json);
    jsonw_close_object(json);
}

static void write_rules(struct document *document, const struct field *field, enum use use)
{
    struct jsonw *json = &document->json;
    switch (field->type) {
    case FIELD_STRING:
        write_string_rules(document, field, use);
        break;
    case FIELD_INTEGER:
    case FIELD_DECIMAL:
        write_number_rules(document, field);
        break;
    case FIELD_TIME:
        jsonw_string(json, "format", "date-time");
        break;
    case FIELD_STRINGS:
        if (!is_reply(use) && field->items_max) {
            jsonw_integer(json, "maxItems", field->items_max);
        }
        jsonw_open_object(json, "items");
        jsonw_string(json, "type", "string");
        write_string_rules(document, field, use);
        jsonw_close_object(json);
        break;
    case FIELD_LISTS:
        write_list_items(document);
        break;
    case FIELD_RECORDS:
        write_records_schema(document, field);
        break;
    case FIELD_BOOLEAN:
    case FIELD_RECORD:
        break;
    }
}

/* True if the field has an example that is a valid value; null is valid only if the field is
 * nullable. */
static bool has_valid_example(const struct field *field)
{
    return field->example &&
           ((field->flags & FIELD_NULLABLE) || strcmp(field->example, "null") != 0);
}

static bool is_scalar_or_strings(const struct field *field)
{
    return field->type != FIELD_RECORD && field->type != FIELD_RECORDS;
}

static void write_properties(struct document *document, const struct field *fields, enum use use);

static void write_description(struct document *document, const struct field *field, enum use use)
{
    static const struct text trimmed = {
        "Пробелы и невидимые символы в начале и в конце удаляются",
        "White space and invisible characters at both ends are removed",
    };
    const char *about = document_text(document, &field->about);
    if (use == USE_BODY && (field->flags & FIELD_ANY_TRIMMED)) {
        about = arena_format(document->arena, "%s. %s", about, document_text(document, &trimmed));
    }
    jsonw_string(&document->json, "description", about);
}

void schemas_write_field(struct document *document, const char *key, const struct field *field,
                         enum use use)
{
    struct jsonw *json = &document->json;
    jsonw_open_object(json, key);
    write_field_type(document, field);
    if (use != USE_PARAMETER) { /* write_parameter() writes the description beside the schema */
        write_description(document, field, use);
    }
    write_rules(document, field, use);
    if (field->type == FIELD_RECORD) {
        write_properties(document, field->fields, use);
    }
    if (!is_reply(use) && (field->flags & FIELD_DEFAULT)) {
        jsonw_integer(json, "default", field->standard);
    }
    if (use != USE_PARAMETER && is_scalar_or_strings(field) && has_valid_example(field)) {
        jsonw_open_array(json, "examples");
        jsonw_raw(json, NULL, field->example);
        jsonw_close_array(json);
    }
    jsonw_close_object(json);
}

const char *schemas_example_text(struct document *document, const struct field *field)
{
    if (!has_valid_example(field) || *field->example != '"') {
        return has_valid_example(field) ? field->example : NULL;
    }
    struct buffer text = {.arena = document->arena};
    for (const char *c = field->example + 1; *c && *c != '"'; c++) {
        c += *c == '\\';
        buffer_add_char(&text, *c);
    }
    return text.bytes;
}

/* --- schemas of objects ---------------------------------------------------------------------- */

static bool is_always_present(const struct field *field, enum use use)
{
    return is_reply(use) ? !(field->flags & FIELD_OPTIONAL) : field->flags & FIELD_REQUIRED;
}

static void write_name_array(struct document *document, const char *key, const char *const *names)
{
    jsonw_open_array(&document->json, key);
    for (; *names; names++) {
        jsonw_string(&document->json, NULL, *names);
    }
    jsonw_close_array(&document->json);
}

static void write_required_names(struct document *document, const struct field *fields,
                                 enum use use)
{
    struct jsonw *json = &document->json;
    bool any = false;
    if (use == USE_ITEM) {
        write_name_array(document, "required",
                         (const char *const[]){selection_key(fields)->name, NULL});
        return;
    }
    for (const struct field *field = fields; field->name; field++) {
        any |= !is_omitted(field, use) && is_always_present(field, use);
    }
    if (!any) {
        return;
    }
    jsonw_open_array(json, "required");
    for (const struct field *field = fields; field->name; field++) {
        if (!is_omitted(field, use) && is_always_present(field, use)) {
            jsonw_string(json, NULL, field->name);
        }
    }
    jsonw_close_array(json);
}

/* Requires exactly one of the alternative fields. */
static void write_alternatives(struct document *document, const struct field *fields)
{
    struct jsonw *json = &document->json;
    bool any = false;
    for (; fields->name; fields++) {
        if (!(fields->flags & FIELD_ALTERNATIVE)) {
            continue;
        }
        if (!any) {
            jsonw_open_array(json, "oneOf");
            any = true;
        }
        jsonw_open_object(json, NULL);
        jsonw_open_array(json, "required");
        jsonw_string(json, NULL, fields->name);
        jsonw_close_array(json);
        jsonw_close_object(json);
    }
    if (any) {
        jsonw_close_array(json);
    }
}

/* Writes the properties of an object. Bodies have no additional properties, because the service
 * rejects unknown fields; replies may get more fields in later versions. */
static void write_properties(struct document *document, const struct field *fields, enum use use)
{
    struct jsonw *json = &document->json;
    jsonw_open_object(json, "properties");
    for (const struct field *field = fields; field->name; field++) {
        if (!is_omitted(field, use)) {
            schemas_write_field(document, field->name, field, use);
        }
    }
    jsonw_close_object(json);
    write_required_names(document, fields, use);
    if (use == USE_BODY) {
        write_alternatives(document, fields);
        jsonw_boolean(json, "additionalProperties", false);
    }
}

void schemas_write_object(struct document *document, const char *key, const struct field *fields,
                          enum use use)
{
    jsonw_open_object(&document->json, key);
    jsonw_string(&document->json, "type", "object");
    write_properties(document, fields, use);
    jsonw_close_object(&document->json);
}

/* --- examples -------------------------------------------------------------------------------- */

static void write_value_example(struct document *document, const struct field *field, enum use use)
{
    struct jsonw *json = &document->json;
    if (field->type == FIELD_RECORD) {
        schemas_write_example(document, field->name, field->fields, use);
    } else if (field->type == FIELD_RECORDS) {
        jsonw_open_array(json, field->name);
        schemas_write_example(document, NULL, field->fields, use);
        jsonw_close_array(json);
    } else {
        jsonw_raw(json, field->name, field->example);
    }
}

void schemas_write_example(struct document *document, const char *key, const struct field *fields,
                           enum use use)
{
    bool alternative = false;
    jsonw_open_object(&document->json, key);
    for (const struct field *field = fields; field->name; field++) {
        bool another = alternative && (field->flags & FIELD_ALTERNATIVE);
        if (!another && !is_omitted(field, use) &&
            (!is_scalar_or_strings(field) || has_valid_example(field))) {
            write_value_example(document, field, use);
        }
        alternative |= (field->flags & FIELD_ALTERNATIVE) != 0;
    }
    jsonw_close_object(&document->json);
}

/* --- schemas of replies ---------------------------------------------------------------------- */

#define COUNT_FIELD(name_, ru_, en_, example_)                                                     \
    {                                                                                              \
        .name = (name_), .type = FIELD_INTEGER, .about = {(ru_), (en_)}, .example = (example_)     \
    }

/* Members of a list reply beside "items", as http/reply.c writes them. */
static const struct field list_fields[] = {
    COUNT_FIELD("total", "Общее число элементов", "The total number of items", "1"),
    COUNT_FIELD("skip", "Число пропущенных элементов", "The number of skipped items", "0"),
    COUNT_FIELD("limit", "Размер страницы", "The size of a page", "10"),
    COUNT_FIELD("pages", "Число страниц", "The number of pages", "1"),
    {.name = NULL},
};

static const struct field minimum_field = {
    .name = "total_is_minimum",
    .type = FIELD_BOOLEAN,
    .about = {"`total` указывает не все элементы: подсчёт остановлен на этом числе",
              "There are more items than `total`: counting stopped there"},
    .example = "true",
};

static const struct field next_field = {
    .name = "next",
    .type = FIELD_STRING,
    .flags = FIELD_NULLABLE,
    .about = {"Значение `after` для следующей страницы; null на последней странице",
              "The value of `after` for the next page; null on the last page"},
    .example = "null",
};

#define EXPLAIN_TEXT(name_, ru_, en_, example_)                                                    \
    {                                                                                              \
        .name = (name_), .type = FIELD_STRING, .flags = FIELD_OPTIONAL, .about = {(ru_), (en_)},   \
        .example = (example_)                                                                      \
    }

/* The compiled form of a filter: of the directory, or of the database. */
static const struct field explain_fields[] = {
    EXPLAIN_TEXT("base", "DN, с которого начинается поиск", "The DN at which the search begins",
                 "\"DC=kontora,DC=test\""),
    EXPLAIN_TEXT("scope", "Область поиска: one или subtree",
                 "The scope of the search: one or subtree", "\"subtree\""),
    EXPLAIN_TEXT("filter", "Фильтр LDAP (RFC 4515)", "The LDAP filter (RFC 4515)",
                 "\"(department=Sales)\""),
    EXPLAIN_TEXT("sql", "Запрос SQL", "The SQL statement", "null"),
    {.name = "parameters",
     .type = FIELD_STRINGS,
     .flags = FIELD_OPTIONAL,
     .about = {"Параметры запроса SQL", "The parameters of the SQL statement"},
     .example = "[]"},
    {.name = NULL},
};

static const struct field explain_field = {
    .name = "explain",
    .type = FIELD_RECORD,
    .flags = FIELD_OPTIONAL,
    .fields = explain_fields,
    .about = {"Скомпилированный фильтр; только при explain=true",
              "The compiled filter; only with explain=true"},
};

static bool is_list_reply(const struct route *route)
{
    return route->reply && (route->shape == REPLY_LIST || route->shape == REPLY_PAGE);
}

const char *schemas_list_name(struct document *document, const struct route *route)
{
    return arena_format(document->arena, "%s%s", route->reply->name,
                        route->shape == REPLY_PAGE ? "Page" : "List");
}

const char *schemas_reply_name(struct document *document, const struct route *route)
{
    if (!route->reply) {
        return NULL;
    }
    return is_list_reply(route) ? schemas_list_name(document, route) : route->reply->name;
}

/* Returns the name of the schema of an item with selected fields. */
static const char *part_name(struct document *document, const struct schema *schema)
{
    return arena_format(document->arena, "%sPart", schema->name);
}

void schemas_write_items(struct document *document, const char *key, const struct schema *schema)
{
    struct jsonw *json = &document->json;
    jsonw_open_object(json, key);
    jsonw_open_array(json, "anyOf");
    document_write_reference(document, NULL, "schemas", schema->name);
    document_write_reference(document, NULL, "schemas", part_name(document, schema));
    jsonw_close_array(json);
    jsonw_close_object(json);
}

/* Writes the rules for the members of a page: a page selected by a cursor has none of total, skip
 * and pages; any other page has all of them. */
static void write_page_rules(struct document *document)
{
    struct jsonw *json = &document->json;
    write_name_array(document, "required", (const char *const[]){"items", "limit", "next", NULL});
    jsonw_open_object(json, "dependentRequired");
    write_name_array(document, "total", (const char *const[]){"skip", "pages", NULL});
    write_name_array(document, "skip", (const char *const[]){"total", NULL});
    write_name_array(document, "pages", (const char *const[]){"total", NULL});
    write_name_array(document, "total_is_minimum", (const char *const[]){"total", NULL});
    jsonw_close_object(json);
}

static void write_list_schema(struct document *document, const char *name,
                              const struct route *route)
{
    struct jsonw *json = &document->json;
    jsonw_open_object(json, name);
    jsonw_string(json, "type", "object");
    jsonw_open_object(json, "properties");
    jsonw_open_object(json, "items");
    jsonw_string(json, "type", "array");
    schemas_write_items(document, "items", route->reply);
    jsonw_close_object(json);
    for (const struct field *field = list_fields; field->name; field++) {
        schemas_write_field(document, field->name, field, USE_REPLY);
    }
    if (route->shape == REPLY_PAGE) {
        schemas_write_field(document, minimum_field.name, &minimum_field, USE_REPLY);
        schemas_write_field(document, next_field.name, &next_field, USE_REPLY);
    }
    if (call_has_parameter(route, explain_field.name)) {
        schemas_write_field(document, explain_field.name, &explain_field, USE_REPLY);
    }
    jsonw_close_object(json);
    if (route->shape == REPLY_PAGE) {
        write_page_rules(document);
    } else {
        write_name_array(document, "required",
                         (const char *const[]){"items", "total", "skip", "limit", "pages", NULL});
    }
    jsonw_close_object(json);
}

static void write_items_example(struct document *document, const char *key,
                                const struct route *route)
{
    jsonw_open_array(&document->json, key);
    schemas_write_example(document, NULL, route->reply->fields, USE_REPLY);
    jsonw_close_array(&document->json);
}

void schemas_write_reply_example(struct document *document, const char *key,
                                 const struct route *route)
{
    struct jsonw *json = &document->json;
    if (route->shape == REPLY_TEXT || route->shape == REPLY_FILE) {
        jsonw_string(json, key, route->example ? route->example : "");
    } else if (route->shape == REPLY_ARRAY) {
        write_items_example(document, key, route);
    } else if (route->shape == REPLY_RECORD) {
        schemas_write_example(document, key, route->reply->fields, USE_REPLY);
    } else {
        jsonw_open_object(json, key);
        write_items_example(document, "items", route);
        for (const struct field *field = list_fields; field->name; field++) {
            jsonw_raw(json, field->name, field->example);
        }
        if (route->shape == REPLY_PAGE) {
            jsonw_raw(json, next_field.name, next_field.example);
        }
        jsonw_close_object(json);
    }
}

/* --- components ------------------------------------------------------------------------------ */

static const struct field detail_fields[] = {
    {.name = "field",
     .type = FIELD_STRING,
     .about = {"Имя неверного поля", "The name of the invalid field"},
     .example = "\"email\""},
    {.name = "message",
     .type = FIELD_STRING,
     .about = {"В чём ошибка", "What is wrong with the field"},
     .example = "\"обязательное поле\""},
    {.name = NULL},
};

static const struct field other_field = {
    .name = "id",
    .type = FIELD_INTEGER,
    .about = {"Идентификатор другого объекта, с которым связана ошибка",
              "The id of another object that is involved in the error"},
    .example = "17",
};

static const struct text details_about = {
    "Неверные поля либо значения, к которым относится сообщение",
    "The invalid fields, or the values that the message refers to"};

static const struct field error_fields[] = {
    {.name = "error",
     .type = FIELD_STRING,
     .about = {"Сообщение для людей", "A message for people"},
     .example = "\"Ресурс не найден\""},
    {.name = "code",
     .type = FIELD_STRING,
     .about = {"Код для программ; никогда не меняется", "A code for programs; it never changes"},
     .example = "\"NOT_FOUND\""},
    {.name = "allowed_extensions",
     .type = FIELD_STRINGS,
     .flags = FIELD_OPTIONAL,
     .about = {"Допустимые типы файлов", "The allowed file types"},
     .example = "[\"txt\", \"pdf\"]"},
    {.name = "max_size_mb",
     .type = FIELD_INTEGER,
     .flags = FIELD_OPTIONAL,
     .about = {"Наибольший размер файла в мебибайтах", "The maximum size of a file in mebibytes"},
     .example = "16"},
    {.name = "request_id",
     .type = FIELD_STRING,
     .about = {"X-Request-ID запроса: по нему запрос можно найти в журналах",
               "The X-Request-ID of the request, by which it can be found in the logs"},
     .example = "\"5f0c9c1e6c1a4f0e8a7b2d3c4e5f6071\""},
    {.name = NULL},
};

static void write_fields(struct document *document, const struct field *fields)
{
    for (; fields->name; fields++) {
        schemas_write_field(document, fields->name, fields, USE_REPLY);
    }
}

/* Writes the schemas of an error, as http/problem.c writes it. */
static void write_error_schema(struct document *document)
{
    struct jsonw *json = &document->json;
    jsonw_open_object(json, "ErrorDetail");
    jsonw_string(json, "type", "object");
    jsonw_open_object(json, "properties");
    write_fields(document, detail_fields);
    schemas_write_field(document, other_field.name, &other_field, USE_REPLY);
    jsonw_close_object(json);
    write_required_names(document, detail_fields, USE_REPLY);
    jsonw_close_object(json);

    jsonw_open_object(json, "Error");
    jsonw_string(json, "type", "object");
    jsonw_open_object(json, "properties");
    write_fields(document, error_fields);
    jsonw_open_object(json, "details");
    jsonw_string(json, "type", "array");
    jsonw_string(json, "description", document_text(document, &details_about));
    jsonw_open_object(json, "items");
    jsonw_open_array(json, "anyOf");
    document_write_reference(document, NULL, "schemas", "ErrorDetail");
    jsonw_open_object(json, NULL);
    jsonw_string(json, "type", "string");
    jsonw_close_object(json);
    jsonw_close_array(json);
    jsonw_close_object(json);
    jsonw_close_object(json);
    jsonw_close_object(json);
    write_required_names(document, error_fields, USE_REPLY);
    jsonw_close_object(json);
}

static void write_route_schemas(struct document *document, const struct route *route,
                                struct document_names *names)
{
    const struct schema *body = route->body;
    if (body && document_add_name(document, names, body->name)) {
        if (body->bare) { /* a single value, not an object */
            schemas_write_field(document, body->name, body->fields, USE_BODY);
        } else {
            schemas_write_object(document, body->name, body->fields, USE_BODY);
        }
    }
    if (route->reply && document_add_name(document, names, route->reply->name)) {
        schemas_write_object(document, route->reply->name, route->reply->fields, USE_REPLY);
    }
    bool is_list = is_list_reply(route) ||
                   (route->shape == REPLY_ARRAY && call_has_parameter(route, "explain"));
    bool has_items = is_list_reply(route) || route->shape == REPLY_ARRAY;
    const char *part = has_items ? part_name(document, route->reply) : NULL;
    if (part && document_add_name(document, names, part)) {
        schemas_write_object(document, part, route->reply->fields, USE_ITEM);
    }
    const char *listed = is_list ? schemas_list_name(document, route) : NULL;
    if (listed && document_add_name(document, names, listed)) {
        write_list_schema(document, listed, route);
    }
}

void schemas_write(struct document *document)
{
    struct document_names names = {0};
    write_error_schema(document);
    for (const struct resource *resource = document->resources; resource->routes; resource++) {
        for (const struct route *route = resource->routes; route->pattern; route++) {
            write_route_schemas(document, route, &names);
        }
    }
}
