/* See field.h. */
#include "base/field.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

size_t fields_count(const struct field *fields)
{
    size_t count = 0;
    while (fields[count].name) {
        count++;
    }
    return count;
}

struct value *fields_get(const struct field *fields, struct value *values, const char *name)
{
    for (size_t i = 0; fields[i].name; i++) {
        if (!strcmp(fields[i].name, name)) {
            return &values[i];
        }
    }
    log_error("field map: no field \"%s\"", name);
    abort();
}

const char *fields_string(const struct field *fields, struct value *values, const char *name)
{
    const struct value *value = fields_get(fields, values, name);
    return value->state == VALUE_SET ? value->string.bytes : NULL;
}

void field_set_string(struct value *value, const char *text)
{
    if (!text) {
        *value = (struct value){.state = VALUE_NULL};
        return;
    }
    *value = (struct value){.state = VALUE_SET, .string = {text, strlen(text)}};
}

void field_set_integer(struct value *value, int64_t integer)
{
    *value = (struct value){.state = VALUE_SET, .integer = integer};
}

void field_set_boolean(struct value *value, bool boolean)
{
    *value = (struct value){.state = VALUE_SET, .boolean = boolean};
}

void field_set_strings(struct value *value, const char *const *items, size_t count)
{
    *value = (struct value){.state = VALUE_SET, .strings = {items, count}};
}

void field_set_lists(struct value *value, const struct field_strings *items, size_t count)
{
    *value = (struct value){.state = VALUE_SET, .lists = {items, count}};
}

void field_set_records(struct value *value, struct value *const *items, size_t count)
{
    *value = (struct value){.state = VALUE_SET, .records = {items, count}};
}

void field_set_record(struct value *value, struct value *record)
{
    *value = (struct value){.state = VALUE_SET, .record = record};
}
