/*
 * Entry: what was read of an object, as the values of a field map.
 *
 * An attribute that is absent is null; a list is then empty. A value that is not of its form (text
 * that is no UTF-8, a number that is none) is null as well: one odd entry must not hide the rest.
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
    ALWAYS_ASKED = 4, /* objectGUID; and for memberships objectSid, primaryGroupID; the end */
};

/* --- what to ask for ------------------------------------------------------------------------- */

static void ask(char **attributes, size_t *count, struct arena *arena, const char *name)
{
    for (size_t i = 0; i < *count; i++) {
        if (!strcasecmp(attributes[i], name)) {
            return;
        }
    }
    attributes[(*count)++] = arena_string(arena, name);
}

static bool is_read(const struct field *field, enum entry_extent extent)
{
    bool is_link = field->codec == CODEC_MEMBERSHIPS || field->codec == CODEC_MEMBERS;
    return extent == ENTRY_WHOLE || !is_link;
}

char **entry_attributes(struct arena *arena, const struct field *fields, enum entry_extent extent)
{
    char **attributes = arena_array(arena, fields_count(fields) + ALWAYS_ASKED, sizeof *attributes);
    size_t count = 0;
    ask(attributes, &count, arena, "objectGUID");
    for (const struct field *field = fields; field->name; field++) {
        if (!is_read(field, extent)) {
            continue;
        }
        if (field->codec == CODEC_MEMBERSHIPS || field->codec == CODEC_MEMBERS) {
            ask(attributes, &count, arena, "objectSid");
        }
        if (field->codec == CODEC_MEMBERSHIPS) {
            ask(attributes, &count, arena, "primaryGroupID");
        }
        if (field->attribute && field->codec != CODEC_NONE) {
            ask(attributes, &count, arena, field->attribute);
        }
    }
    return attributes;
}

/* --- long attributes ------------------------------------------------------------------------- */

static void append(struct arena *arena, struct attribute *attribute, const struct attribute *more)
{
    size_t count = attribute->count + more->count;
    struct berval *values = arena_array(arena, count, sizeof *values);
    memcpy(values, attribute->values, attribute->count * sizeof *values);
    memcpy(values + attribute->count, more->values, more->count * sizeof *values);
    attribute->values = values;
    attribute->count = count;
}

/* Asks on for "name;range=N-*" until the server says that this is the end. */
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
            append(arena, attribute, more);
        }
    }
    return NULL;
}

static struct error *complete(struct directory *directory, struct arena *arena,
                              struct raw_entry *raw, const char *guid)
{
    const char *dn = query_guid_dn(arena, guid);
    for (size_t i = 0; i < raw->count; i++) {
        struct error *error = complete_attribute(directory, arena, dn, &raw->attributes[i]);
        if (error) {
            return error;
        }
    }
    return NULL;
}

/* --- fields ---------------------------------------------------------------------------------- */

/* All values that are text, and `more` of them. */
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
    value_set_strings(value, items, count);
}

static void decode_text(const struct berval *text, struct value *value)
{
    if (utf8_valid(text->bv_val, text->bv_len)) {
        *value = (struct value){.state = VALUE_SET, .string = {text->bv_val, text->bv_len}};
    }
}

static const char *scope_name(int64_t group_type)
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
        value_set_integer(value, number);
    } else if (field->codec == CODEC_SCOPE) {
        value_set_string(value, scope_name(number));
    } else if (field->codec == CODEC_BITS_SET) {
        value_set_boolean(value, (number & field->mask) == field->mask);
    } else {
        value_set_boolean(value, (number & field->mask) == 0);
    }
}

static void decode_one(struct arena *arena, const struct field *field, const struct berval *text,
                       struct value *value)
{
    const char *guid;
    int64_t wall_ms;
    switch (field->codec) {
    case CODEC_TEXT:
        decode_text(text, value);
        break;
    case CODEC_GUID:
        if (codec_guid(arena, text, &guid)) {
            value_set_string(value, guid);
        }
        break;
    case CODEC_TIME:
        if (codec_time(text, &wall_ms)) {
            value_set_integer(value, wall_ms);
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

static struct error *decode_memberships(struct directory *directory, struct arena *arena,
                                        const struct raw_entry *raw,
                                        const struct attribute *attribute, struct value *value)
{
    const char *group = NULL;
    struct error *error = primary_group_dn(directory, arena, raw, &group);
    decode_strings(arena, attribute, &group, group ? 1 : 0, value);
    return error;
}

static void decode_members(struct arena *arena, const struct raw_entry *raw,
                           const struct attribute *attribute, const struct primary_members *members,
                           struct value *value)
{
    const struct primary_set *set = primary_members_of(members, arena, raw);
    decode_strings(arena, attribute, set ? set->dns : NULL, set ? set->count : 0, value);
}

static struct error *decode_field(struct directory *directory, struct arena *arena,
                                  const struct field *field, const struct raw_entry *raw,
                                  const struct primary_members *members, struct value *value)
{
    const struct attribute *attribute =
        field->attribute ? attribute_get(raw, field->attribute) : NULL;
    value->state = VALUE_NULL;
    if (field->codec == CODEC_DN) {
        value_set_string(value, raw->dn);
    } else if (field->codec == CODEC_MEMBERSHIPS) {
        return decode_memberships(directory, arena, raw, attribute, value);
    } else if (field->codec == CODEC_MEMBERS) {
        decode_members(arena, raw, attribute, members, value);
    } else if (field->type == FIELD_STRINGS) {
        decode_strings(arena, attribute, NULL, 0, value);
    } else if (attribute) {
        decode_one(arena, field, attribute->values, value);
    }
    return NULL;
}

static struct error *decode(struct directory *directory, struct arena *arena,
                            const struct directory_class *class, enum entry_extent extent,
                            struct raw_entry *raw, const struct primary_members *members,
                            struct directory_entry **entry_r)
{
    struct directory_entry *entry = arena_alloc(arena, sizeof *entry);
    const struct attribute *guid = attribute_get(raw, "objectGUID");
    if (!guid || !codec_guid(arena, guid->values, &entry->guid)) {
        return error_new(arena, ERR_INTERNAL, "%s has no objectGUID", raw->dn);
    }
    struct error *error = complete(directory, arena, raw, entry->guid);
    entry->dn = raw->dn;
    entry->values = arena_array(arena, fields_count(class->fields), sizeof *entry->values);
    for (size_t i = 0; !error && class->fields[i].name; i++) {
        const struct field *field = &class->fields[i];
        if (is_read(field, extent)) {
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
        error = decode(directory, arena, class, ENTRY_WHOLE, &raws[i], &members, &entries[i]);
    }
    return error;
}

struct error *entry_decode(struct directory *directory, struct arena *arena,
                           const struct directory_class *class, enum entry_extent extent,
                           struct raw_entry *raw, struct directory_entry **entry_r)
{
    return extent == ENTRY_WHOLE ? entry_decode_all(directory, arena, class, raw, 1, entry_r)
                                 : decode(directory, arena, class, extent, raw, NULL, entry_r);
}
