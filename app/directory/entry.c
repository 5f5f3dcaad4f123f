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
#include "directory/caller.h"
#include "directory/codec.h"
#include "directory/directory.h"
#include "directory/primary.h"
#include "directory/query.h"
#include "directory/references.h"

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

/* The fields to read. */
struct part {
    enum entry_extent extent;
    const bool *selected; /* parallel to the field map; NULL: all fields of the extent */
};

/* True if the field contains links to other objects, whose number has no limit. */
static bool is_link_field(const struct field *field)
{
    return field->type == FIELD_STRINGS && field->codec != CODEC_LIST && field->codec != CODEC_TEXT;
}

static bool is_field_read(const struct field *fields, size_t index, const struct part *part)
{
    if (part->selected && !part->selected[index]) {
        return false;
    }
    return part->extent == ENTRY_WHOLE || !is_link_field(&fields[index]);
}

char **entry_attributes(struct arena *arena, const struct field *fields, enum entry_extent extent,
                        const bool *selected)
{
    const struct part part = {extent, selected};
    char **attributes =
        arena_array(arena, fields_count(fields) + EXTRA_ATTRIBUTES, sizeof *attributes);
    size_t count = 0;
    request_attribute(attributes, &count, arena, "objectGUID");
    for (size_t i = 0; fields[i].name; i++) {
        const struct field *field = &fields[i];
        if (!is_field_read(fields, i, &part)) {
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

struct error *entry_complete_attribute(struct directory *directory, struct arena *arena,
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
        error = entry_complete_attribute(directory, arena, dn, &raw->attributes[i]);
    }
    return error;
}

/* --- hidden values --------------------------------------------------------------------------- */

bool entry_is_link(const struct field *field)
{
    return field->codec == CODEC_LINK || field->codec == CODEC_LINKS ||
           field->codec == CODEC_REFERENCE || field->codec == CODEC_MEMBERS ||
           field->codec == CODEC_MEMBERSHIPS;
}

/* Removes the DNs that the caller does not see from the attribute of the field. */
static void hide_values(const struct directory *directory, struct arena *arena,
                        const struct field *field, struct raw_entry *raw)
{
    for (size_t i = 0; i < raw->count; i++) {
        struct attribute *attribute = &raw->attributes[i];
        if (strcasecmp(attribute->name, field->attribute) != 0) {
            continue;
        }
        struct berval *values = arena_array(arena, attribute->count, sizeof *values);
        size_t kept = 0;
        for (size_t k = 0; k < attribute->count; k++) {
            if (caller_sees(directory, attribute->values[k].bv_val)) {
                values[kept++] = attribute->values[k];
            }
        }
        attribute->values = values;
        attribute->count = kept;
    }
}

const struct raw_entry *entry_without_hidden(const struct directory *directory, struct arena *arena,
                                             const struct directory_class *class,
                                             const struct raw_entry *raw)
{
    const struct field *const maps[] = {class->fields, class->writable};
    if (caller_sees_all(directory)) {
        return raw;
    }
    struct raw_entry *visible = arena_alloc(arena, sizeof *visible);
    *visible = (struct raw_entry){
        raw->dn, arena_array(arena, raw->count, sizeof *visible->attributes), raw->count};
    for (size_t i = 0; i < raw->count; i++) {
        visible->attributes[i] = raw->attributes[i];
    }
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        for (const struct field *field = maps[i]; field && field->name; field++) {
            if (field->attribute && entry_is_link(field)) {
                hide_values(directory, arena, field, visible);
            }
        }
    }
    return visible;
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
    bool truth;
    switch (field->codec) {
    case CODEC_TEXT:
    case CODEC_LINK:
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
    case CODEC_FILETIME:
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
    case CODEC_TRUTH:
        if (codec_truth(text, &truth)) {
            field_set_boolean(value, truth);
        }
        break;
    case CODEC_NONE:
    case CODEC_DN:
    case CODEC_LIST:
    case CODEC_KIND:
    case CODEC_LINKS:
    case CODEC_REFERENCE:
    case CODEC_MEMBERS:
    case CODEC_MEMBERSHIPS:
        break;
    }
}

static void decode_list(struct arena *arena, const struct attribute *attribute, struct value *value)
{
    const char *const *items = NULL;
    size_t count = 0;
    if (attribute && !codec_list(arena, attribute->values, &items, &count)) {
        count = 0;
    }
    field_set_strings(value, items, count);
}

/* The class, the fields to read, and the objects that were read for several entries at once. */
struct context {
    struct directory *directory;
    struct arena *arena;
    const struct directory_class *class;
    struct part part;
    struct primary_members members;
    struct references references;
};

static struct error *decode_field(const struct context *context, const struct field *field,
                                  const struct raw_entry *raw, struct value *value)
{
    struct arena *arena = context->arena;
    const struct attribute *attribute =
        field->attribute ? attribute_get(raw, field->attribute) : NULL;
    value->state = VALUE_NULL;
    if (field->codec == CODEC_DN) {
        field_set_string(value, raw->dn);
    } else if (field->codec == CODEC_MEMBERSHIPS) {
        const char *group = NULL;
        struct error *error = primary_group_dn(context->directory, arena, raw, &group);
        group = group && caller_sees(context->directory, group) ? group : NULL;
        decode_strings(arena, attribute, &group, group ? 1 : 0, value);
        return error;
    } else if (field->codec == CODEC_MEMBERS) {
        const struct primary_set *set = primary_get_members(&context->members, arena, raw);
        decode_strings(arena, attribute, set ? set->dns : NULL, set ? set->count : 0, value);
    } else if (field->codec == CODEC_LIST) {
        decode_list(arena, attribute, value);
    } else if (field->type == FIELD_STRINGS) {
        decode_strings(arena, attribute, NULL, 0, value);
    } else if (attribute && field->codec == CODEC_REFERENCE) {
        field_set_record(value, references_record(&context->references, arena, field->fields,
                                                  attribute->values->bv_val));
    } else if (attribute) {
        decode_single_value(arena, field, attribute->values, value);
    }
    return NULL;
}

static struct error *decode_raw_entry(const struct context *context, struct raw_entry *whole,
                                      struct directory_entry **entry_r)
{
    struct arena *arena = context->arena;
    const struct field *fields = context->class->fields;
    struct directory_entry *entry = arena_alloc(arena, sizeof *entry);
    const struct attribute *guid = attribute_get(whole, "objectGUID");
    if (!guid || !codec_guid(arena, guid->values, &entry->guid)) {
        return error_new(arena, ERR_INTERNAL, "%s has no objectGUID", whole->dn);
    }
    struct error *error =
        entry_complete(context->directory, arena, query_guid_dn(arena, entry->guid), whole);
    const struct raw_entry *raw =
        entry_without_hidden(context->directory, arena, context->class, whole);
    entry->dn = raw->dn;
    entry->values = arena_array(arena, fields_count(fields), sizeof *entry->values);
    for (size_t i = 0; !error && fields[i].name; i++) {
        if (is_field_read(fields, i, &context->part)) {
            error = decode_field(context, &fields[i], raw, &entry->values[i]);
        }
    }
    *entry_r = entry;
    return error;
}

/* True if a field with this codec is read. */
static bool reads_codec(const struct context *context, enum codec codec)
{
    const struct field *fields = context->class->fields;
    for (size_t i = 0; fields[i].name; i++) {
        if (fields[i].codec == codec && is_field_read(fields, i, &context->part)) {
            return true;
        }
    }
    return false;
}

/* Reads the objects that fields with CODEC_REFERENCE refer to. */
static struct error *find_references(struct context *context, const struct raw_entry *raws,
                                     size_t count)
{
    const struct field *fields = context->class->fields;
    struct raw_entry *visible = arena_array(context->arena, count, sizeof *visible);
    for (size_t i = 0; i < count; i++) {
        visible[i] =
            *entry_without_hidden(context->directory, context->arena, context->class, &raws[i]);
    }
    for (size_t i = 0; fields[i].name; i++) {
        if (fields[i].codec == CODEC_REFERENCE && is_field_read(fields, i, &context->part)) {
            references_add(&context->references, context->arena, visible, count,
                           fields[i].attribute);
        }
    }
    return references_read(&context->references, context->directory, context->arena);
}

struct error *entry_decode_all(struct directory *directory, struct arena *arena,
                               const struct directory_class *class, const bool *selected,
                               struct raw_entry *raws, size_t count,
                               struct directory_entry **entries)
{
    struct context context = {directory, arena, class, .part = {ENTRY_WHOLE, selected}};
    struct error *error = NULL;
    if (reads_codec(&context, CODEC_MEMBERS)) {
        error = primary_find_members(directory, arena, raws, count, &context.members);
    }
    if (!error) {
        error = find_references(&context, raws, count);
    }
    for (size_t i = 0; !error && i < count; i++) {
        error = decode_raw_entry(&context, &raws[i], &entries[i]);
    }
    return error;
}

struct error *entry_decode(struct directory *directory, struct arena *arena,
                           const struct directory_class *class, enum entry_extent extent,
                           struct raw_entry *raw, struct directory_entry **entry_r)
{
    const struct context context = {directory, arena, class, .part = {extent, NULL}};
    return extent == ENTRY_WHOLE ? entry_decode_all(directory, arena, class, NULL, raw, 1, entry_r)
                                 : decode_raw_entry(&context, raw, entry_r);
}
