/* See fields.h. Writes values as JSON. */
#include "http/fields.h"

static void write_string_array(struct jsonw *json, const char *key,
                               const struct field_strings *strings)
{
    jsonw_open_array(json, key);
    for (size_t i = 0; i < strings->count; i++) {
        jsonw_string(json, NULL, strings->items[i]);
    }
    jsonw_close_array(json);
}

static void write_records(struct jsonw *json, const char *key, const struct field *field,
                          const struct value *value, const bool *selected)
{
    jsonw_open_array(json, key);
    for (size_t i = 0; i < value->records.count; i++) {
        fields_write_item(json, field->fields, value->records.items[i], selected);
    }
    jsonw_close_array(json);
}

void fields_write_value(struct jsonw *json, const char *key, const struct field *field,
                        const struct value *value)
{
    switch (field->type) {
    case FIELD_STRING:
        jsonw_bytes(json, key, value->string.bytes, value->string.length);
        break;
    case FIELD_INTEGER:
        jsonw_integer(json, key, value->integer);
        break;
    case FIELD_DECIMAL:
        jsonw_decimal(json, key, value->integer, field->scale);
        break;
    case FIELD_BOOLEAN:
        jsonw_boolean(json, key, value->boolean);
        break;
    case FIELD_TIME:
        jsonw_time(json, key, value->integer);
        break;
    case FIELD_STRINGS:
        write_string_array(json, key, &value->strings);
        break;
    case FIELD_LISTS:
        jsonw_open_array(json, key);
        for (size_t i = 0; i < value->lists.count; i++) {
            write_string_array(json, NULL, &value->lists.items[i]);
        }
        jsonw_close_array(json);
        break;
    case FIELD_RECORDS:
        write_records(json, key, field, value, NULL);
        break;
    case FIELD_RECORD:
        fields_write(json, key, field->fields, value->record);
        break;
    case FIELD_JSON:
        jsonw_raw(json, key, value->string.bytes);
        break;
    }
}

/* True if a reply omits the field. */
static bool is_omitted_field(const struct field *field, const struct value *value)
{
    return (field->flags & (FIELD_SECRET | FIELD_INTERNAL)) ||
           ((field->flags & FIELD_OPTIONAL) && value->state == VALUE_ABSENT);
}

static void write_field(struct jsonw *json, const struct field *field, const struct value *value)
{
    if (value->state == VALUE_SET) {
        fields_write_value(json, field->name, field, value);
    } else {
        jsonw_null(json, field->name);
    }
}

void fields_write(struct jsonw *json, const char *key, const struct field *fields,
                  const struct value *values)
{
    jsonw_open_object(json, key);
    for (size_t i = 0; fields[i].name; i++) {
        if (!is_omitted_field(&fields[i], &values[i])) {
            write_field(json, &fields[i], &values[i]);
        }
    }
    jsonw_close_object(json);
}

void fields_write_item(struct jsonw *json, const struct field *fields, const struct value *values,
                       const bool *selected)
{
    jsonw_open_object(json, NULL);
    for (size_t i = 0; fields[i].name; i++) {
        if ((!selected || selected[i]) && !is_omitted_field(&fields[i], &values[i])) {
            write_field(json, &fields[i], &values[i]);
        }
    }
    jsonw_close_object(json);
}

void fields_write_listing(struct jsonw *json, const struct field *fields,
                          const struct value *values, const bool *selected, const char *explain)
{
    jsonw_open_object(json, NULL);
    for (size_t i = 0; fields[i].name; i++) {
        if ((fields[i].flags & FIELD_ITEMS) && values[i].state == VALUE_SET) {
            write_records(json, fields[i].name, &fields[i], &values[i], selected);
        } else if (!is_omitted_field(&fields[i], &values[i])) {
            write_field(json, &fields[i], &values[i]);
        }
    }
    if (explain) {
        jsonw_raw(json, "explain", explain);
    }
    jsonw_close_object(json);
}
