/*
 * Entry: decodes the attributes of an object into the values of a field map.
 *
 * The value of an absent attribute is null, or an empty list. An invalid value (text that is not
 * UTF-8, an integer that is not a number) is null too, so that one malformed entry does not make a
 * whole list fail.
 */
#include "directory/entry.h"

#include "base/arena.h"
#include "base/field.h"
#include "base/utf8.h"
#include "directory/attribute.h"
#include "directory/codec.h"
#include "directory/directory.h"
#include "directory/primary.h"
#include "directory/query.h"

#include <inttypes.h>
#include <lber.h>
#include <string.h>

enum {
    EXTRA_ATTRIBUTES = 4, /* objectGUID, objectSid, primaryGroupID and the final NULL */
};

/* --- attributes to request ------------------------------------------------------------------- */

/* Adds the attribute unless the array has it. */
static void request_attribute(char **attributes, size_t *count, struct arena *arena,
                              const char *name)
{
    for (size_t i = 0; i < *count; i++) {
        if (!strcasecmp(attributes[i], name)) {
            return;
        }
    }
    attributes[(*count)++] = arena_string(arena, name);
}

static bool is_field_read(const struct field *field, enum entry_extent extent)
{
    bool is_link = field->codec == CODEC_MEMBERSHIPS || field->codec == CODEC_MEMBERS;
    return extent == ENTRY_WHOLE || !is_link;
}

char **entry_attributes(struct arena *arena, const struct field *fields, enum entry_extent extent)
{
    char **attributes =
        arena_array(arena, fields_count(fields) + EXTRA_ATTRIBUTES, sizeof *attributes);
    size_t count = 0;
    request_attribute(attributes, &count, arena, "objectGUID");
    for (const struct field *field = fields; field->name; field++) {
        if (!is_field_read(field, extent)) {
            continue;
        }
        if (field->codec == CODEC_MEMBERSHIPS || field->codec == CODEC_MEMBERS) {
            request_attribute(attributes, &count, arena, "objectSid");
        }
        if (field->codec == CODEC_MEMBERSHIPS) {
            request_attribute(attributes, &count, arena, "primaryGroupID");
        }
        if (field->attribute && field->codec != CODEC_NONE) {
            request_attribute(attributes, &count, arena, field->attribute);
        }
    }
    return attributes;
}

/* --- long attributes ------------------------------------------------------------------------- */

/* Requests "name;range=N-*" until the server has sent the last value. */
static struct error *complete_attribute(struct directory *directory, struct arena *arena,
                                        const char *dn, struct attribute *attribute)
{
    while (attribute->next) {
        char *wanted =
            arena_format(arena, "%s;range=%" PRId64 "-*", attribute->name, attribute->next);
        char *attributes[] = {wanted, NULL};
        struct raw_entry rest = {0};
        struct error *error = query_object(directory, arena, dn, attributes, &rest);
        if (error) {
            return error;
        }
        const struct attribute *more = attribute_get(&rest, attribute->name);
        attribute->next = more && more->next > attribute->next ? more->next : 0;
        if (more) {
            size_t count = attribute->count + more->count;
            struct berval *values = arena_array(arena, count, sizeof *values);
            memcpy(values, attribute->values, attribute->count * sizeof *values);
            memcpy(values + attribute->count, more->values, more->count * sizeof *values);
            attribute->values = values;
            attribute->count = count;
        }
    }
    return NULL;
}

struct error *entry_complete(struct directory *directory, struct arena *arena, const char *dn,
                             struct raw_entry *raw)
{
    struct error *error = NULL;
    for (size_t i = 0; !error && i < raw->count; i++) {
        error = complete_attribute(directory, arena, dn, &raw->attributes[i]);
    }
    return error;
}

/* --- fields ---------------------------------------------------------------------------------- */

/* Sets a list of all values that are valid UTF-8, followed by the strings of `more`. */
static void decode_strings(struct arena *arena, const struct attribute *attribute,
                           const char *const *more, size_t more_count, struct value *value)
{
    size_t count = 0, most = (attribute ? attribute->count : 0) + more_count;
    const char **items = arena_array(arena, most, sizeof *items);
    for (size_t i = 0; attribute && i < attribute->count; i++) {
        const struct berval *item = &attribute->values[i];
        if (utf8_valid(item->bv_val, item->bv_len)) {
            items[count++] = item->bv_val;
        }
    }
    for (size_t i = 0; i < more_count; i++) {
        items[count++] = more[i];
    }
    field_set_strings(value, items, count);
}

static const char *name_group_scope(int64_t group_type)
{
    return group_type & GROUP_UNIVERSAL      ? "universal"
           : group_type & GROUP_DOMAIN_LOCAL ? "domain_local"
           : group_type & GROUP_GLOBAL       ? "global"
                                             : NULL;
}

static void decode_number(const struct field *field, const struct berval *text, struct value *value)
{
    int64_t number;
    if (!codec_integer(text, &number)) {
        return;
    }
    if (field->codec == CODEC_INTEGER) {
        field_set_integer(value, number);
    } else if (field->codec == CODEC_SCOPE) {
        field_set_string(value, name_group_scope(number));
    } else if (field->codec == CODEC_BITS_SET) {
        field_set_boolean(value, (number & field->mask) == field->mask);
    } else {
        field_set_boolean(value, (number & field->mask) == 0);
    }
}

static void decode_single_value(struct arena *arena, const struct field *field,
                                const struct berval *text, struct value *value)
{
    const char *guid;
    int64_t wall_ms;
    switch (field->codec) {
    case CODEC_TEXT:
        if (utf8_valid(text->bv_val, text->bv_len)) {
            *value = (struct value){.state = VALUE_SET, .string = {text->bv_val, text->bv_len}};
        }
        break;
    case CODEC_GUID:
        if (codec_guid(arena, text, &guid)) {
            field_set_string(value, guid);
        }
        break;
    case CODEC_TIME:
        if (codec_time(text, &wall_ms)) {
            field_set_integer(value, wall_ms);
        }
        break;
    case CODEC_INTEGER:
    case CODEC_BITS_SET:
    case CODEC_BITS_CLEAR:
    case CODEC_SCOPE:
        decode_number(field, text, value);
        break;
    case CODEC_NONE:
    case CODEC_DN:
    case CODEC_MEMBERS:
    case CODEC_MEMBERSHIPS:
        break;
    }
}

static struct error *decode_field(struct directory *directory, struct arena *arena,
                                  const struct field *field, const struct raw_entry *raw,
                                  const struct primary_members *members, struct value *value)
{
    const struct attribute *attribute =
        field->attribute ? attribute_get(raw, field->attribute) : NULL;
    value->state = VALUE_NULL;
    if (field->codec == CODEC_DN) {
        field_set_string(value, raw->dn);
    } else if (field->codec == CODEC_MEMBERSHIPS) {
        const char *group = NULL;
        struct error *error = primary_group_dn(directory, arena, raw, &group);
        decode_strings(arena, attribute, &group, group ? 1 : 0, value);
        return error;
    } else if (field->codec == CODEC_MEMBERS) {
        const struct primary_set *set = primary_get_members(members, arena, raw);
        decode_strings(arena, attribute, set ? set->dns : NULL, set ? set->count : 0, value);
    } else if (field->type == FIELD_STRINGS) {
        decode_strings(arena, attribute, NULL, 0, value);
    } else if (attribute) {
        decode_single_value(arena, field, attribute->values, value);
    }
    return NULL;
}

static struct error *decode_raw_entry(struct directory *directory, struct arena *arena,
                                      const struct directory_class *class, enum entry_extent extent,
                                      struct raw_entry *raw, const struct primary_members *members,
                                      struct directory_entry **entry_r)
{
    struct directory_entry *entry = arena_alloc(arena, sizeof *entry);
    const struct attribute *guid = attribute_get(raw, "objectGUID");
    if (!guid || !codec_guid(arena, guid->values, &entry->guid)) {
        return error_new(arena, ERR_INTERNAL, "%s has no objectGUID", raw->dn);
    }
    struct error *error = entry_complete(directory, arena, query_guid_dn(arena, entry->guid), raw);
    entry->dn = raw->dn;
    entry->values = arena_array(arena, fields_count(class->fields), sizeof *entry->values);
    for (size_t i = 0; !error && class->fields[i].name; i++) {
        const struct field *field = &class->fields[i];
        if (is_field_read(field, extent)) {
            error = decode_field(directory, arena, field, raw, members, &entry->values[i]);
        }
    }
    *entry_r = entry;
    return error;
}

static bool has_codec(const struct field *fields, enum codec codec)
{
    while (fields->name && fields->codec != codec) {
        fields++;
    }
    return fields->name;
}

struct error *entry_decode_all(struct directory *directory, struct arena *arena,
                               const struct directory_class *class, struct raw_entry *raws,
                               size_t count, struct directory_entry **entries)
{
    struct primary_members members = {0};
    struct error *error = NULL;
    if (has_codec(class->fields, CODEC_MEMBERS)) {
        error = primary_find_members(directory, arena, raws, count, &members);
    }
    for (size_t i = 0; !error && i < count; i++) {
        error =
            decode_raw_entry(directory, arena, class, ENTRY_WHOLE, &raws[i], &members, &entries[i]);
    }
    return error;
}

struct error *entry_decode(struct directory *directory, struct arena *arena,
                           const struct directory_class *class, enum entry_extent extent,
                           struct raw_entry *raw, struct directory_entry **entry_r)
{
    return extent == ENTRY_WHOLE
               ? entry_decode_all(directory, arena, class, raw, 1, entry_r)
               : decode_raw_entry(directory, arena, class, extent, raw, NULL, entry_r);
}
