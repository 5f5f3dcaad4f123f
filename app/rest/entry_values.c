/* See entry_values.h. */
#include "rest/entry_values.h"

#include "base/arena.h"
#include "directory/names.h"
#include "directory/optional.h"
#include "http/fields.h"
#include "rest/entries.h"

#include <string.h>

static const char parent_field[] = "parent_dn", obligation_field[] = "must_change_password",
                  hidden_attribute[] = "msExchHideFromAddressLists", null_text[] = "null";

/* --- recorded fields -------------------------------------------------------------------------- */

/* The meaning of a recorded field. */
enum meaning {
    MEANING_VALUE,      /* a field of the body of a change */
    MEANING_NAME,       /* the field of the RDN */
    MEANING_PARENT,     /* the DN of the parent */
    MEANING_FLAG,       /* a bit of userAccountControl */
    MEANING_OBLIGATION, /* the password must be changed */
    MEANING_ATTRIBUTE,  /* an attribute that no field shows */
    MEANING_COMPUTED,   /* follows from other fields */
    MEANING_OTHER,      /* cannot be set */
};

static const struct field *find_map_field(const struct field *fields, const char *name)
{
    while (fields->name && strcmp(fields->name, name) != 0) {
        fields++;
    }
    return fields->name ? fields : NULL;
}

static bool is_listed(const char *const *names, const char *name)
{
    while (*names && strcmp(*names, name) != 0) {
        names++;
    }
    return *names;
}

static bool is_control_flag(const struct field *field)
{
    return (field->codec == CODEC_BITS_SET || field->codec == CODEC_BITS_CLEAR) &&
           !strcmp(field->attribute, "userAccountControl");
}

static enum meaning meaning_of_field(const struct directory_class *class, const char *name)
{
    static const char *const computed[] = {"dn", "userAccountControl", "passwordLastSet",
                                           "passwordExpires", NULL};
    static const char *const attributes[] = {"co", "countryCode", hidden_attribute, NULL};
    const struct field *field = find_map_field(class->fields, name);
    const struct field *writable = find_map_field(class->writable, name);
    if (is_listed(computed, name)) {
        return MEANING_COMPUTED;
    }
    if (is_listed(attributes, name)) {
        return MEANING_ATTRIBUTE;
    }
    if (!strcmp(name, parent_field)) {
        return MEANING_PARENT;
    }
    if (!strcmp(name, obligation_field)) {
        return MEANING_OBLIGATION;
    }
    if (!field || !field->attribute || !writable) {
        return MEANING_OTHER;
    }
    if (!strcasecmp(field->attribute, class->rdn_attribute)) {
        return MEANING_NAME;
    }
    return is_control_flag(field) ? MEANING_FLAG
           : writable->attribute  ? MEANING_VALUE
                                  : MEANING_OTHER;
}

const struct changed_field *entry_values_find(const struct recorded_entry *recorded,
                                              const char *name)
{
    for (size_t i = 0; i < recorded->count; i++) {
        if (!strcmp(recorded->fields[i]->field, name)) {
            return recorded->fields[i];
        }
    }
    return NULL;
}

/* --- values ----------------------------------------------------------------------------------- */

/* Parses a recorded value of the field; a record is recorded as a DN. */
static struct error *parse_recorded(struct arena *arena, const struct field *field,
                                    const char *json, struct value *value_r)
{
    enum { STRINGS_MAX = 1000000 };
    const struct field plain = {
        .name = field->name,
        .type = field->type == FIELD_RECORD ? FIELD_STRING : field->type,
        .flags = FIELD_NULLABLE,
        .items_max = STRINGS_MAX,
    };
    struct value *value;
    struct error *error = fields_read_bare(arena, &plain, json, strlen(json), &value);
    if (!error) {
        *value_r = *value;
    }
    return error;
}

const char *entry_values_text(struct arena *arena, const char *json)
{
    const struct field text = {.name = "text", .type = FIELD_STRING};
    struct value value;
    bool is_text = *json == '"' && !parse_recorded(arena, &text, json, &value);
    return is_text ? value.string.bytes : NULL;
}

static const char *format_text(struct arena *arena, const char *text)
{
    const struct field field = {.name = "text", .type = FIELD_STRING};
    struct value value = {.state = VALUE_NULL};
    if (text) {
        field_set_string(&value, text);
    }
    return changeset_format_value(arena, &field, &value);
}

/* Returns the value that the entry has, as it would be recorded. */
static const char *format_current(struct arena *arena, const struct directory_class *class,
                                  const struct directory_entry *entry, const char *name)
{
    bool is_obligation = !strcmp(name, obligation_field);
    if (!strcmp(name, parent_field)) {
        return format_text(arena, names_parent(arena, entry->dn));
    }
    const struct field *field =
        find_map_field(class->fields, is_obligation ? "passwordLastSet" : name);
    if (!field) {
        return null_text;
    }
    const struct value *value = &entry->values[field - class->fields];
    if (is_obligation) {
        return value->state == VALUE_SET ? "false" : "true";
    }
    if (field->type == FIELD_RECORD) {
        return format_text(arena, value->state == VALUE_SET
                                      ? fields_string(field->fields, value->record, "dn")
                                      : NULL);
    }
    return changeset_format_value(arena, field, value);
}

/* True if the JSON is null or an empty list: an attribute without values. */
static bool is_no_value(const char *json)
{
    return !strcmp(json, null_text) || !strcmp(json, "[]");
}

static bool is_equal_value(struct arena *arena, const char *one, const char *other, bool is_name)
{
    const char *left = is_name ? entry_values_text(arena, one) : NULL;
    const char *right = is_name ? entry_values_text(arena, other) : NULL;
    if (left && right) {
        return names_equal(left, right);
    }
    return (is_no_value(one) && is_no_value(other)) || changeset_is_equal(one, other);
}

/* True if the values of the field are DNs. */
static bool has_names(const struct directory_class *class, const char *name)
{
    const struct field *field = find_map_field(class->fields, name);
    return !strcmp(name, parent_field) || !strcmp(name, "dn") ||
           (field && (field->codec == CODEC_REFERENCE || field->codec == CODEC_LINK));
}

/* --- comparison ------------------------------------------------------------------------------- */

void entry_values_reject(struct arena *arena, const char *field, const char *current,
                         struct error **rejection_r)
{
    if (!*rejection_r) {
        *rejection_r = error_new(arena, ERR_CHANGED_SINCE, NULL);
    }
    error_detail(*rejection_r, field, current ? FAULT_CHANGED_SINCE : FAULT_HIDDEN_CHANGE, current);
}

static void compare_recorded_value(struct request *request, const struct recorded_entry *recorded,
                                   const struct directory_entry *entry, const char *name,
                                   const char *expected, struct error **rejection_r)
{
    const struct directory_class *class = recorded->entries->class;
    const char *current = format_current(request->arena, class, entry, name);
    if (!is_equal_value(request->arena, expected, current, has_names(class, name))) {
        entry_values_reject(request->arena, name, current, rejection_r);
    }
}

/* Compares the attribute that hides a user from the address book. The other attributes without a
 * field belong to fields that are compared. */
static struct error *compare_attribute(struct request *request, const struct changed_field *change,
                                       const struct directory_entry *entry,
                                       struct error **rejection_r)
{
    struct directory_optional hidden;
    const char *expected = entry_values_text(request->arena, change->after);
    if (strcmp(change->field, hidden_attribute) != 0) {
        return NULL;
    }
    struct error *error = directory_read_optional(app_of(request)->directory, request->arena, entry,
                                                  hidden_attribute, &hidden);
    if (!error && hidden.is_true != (expected && !strcmp(expected, "TRUE"))) {
        entry_values_reject(request->arena, change->field, hidden.is_true ? "\"TRUE\"" : null_text,
                            rejection_r);
    }
    return error;
}

/* Compares the fields that a client can set. A creation has left those without a recorded value
 * empty, except for flags, which have a value in any case. */
static void compare_created(struct request *request, const struct recorded_entry *recorded,
                            const struct directory_entry *entry, struct error **rejection_r)
{
    const struct directory_class *class = recorded->entries->class;
    for (const struct field *field = class->fields; field->name; field++) {
        const struct changed_field *change = entry_values_find(recorded, field->name);
        enum meaning meaning = meaning_of_field(class, field->name);
        bool is_compared = meaning == MEANING_NAME || meaning == MEANING_VALUE ||
                           (meaning == MEANING_FLAG && change) || !strcmp(field->name, "dn");
        if (is_compared && (change || !recorded->is_restored)) {
            compare_recorded_value(request, recorded, entry, field->name,
                                   change ? change->after : null_text, rejection_r);
        }
    }
}

struct error *entry_values_compare(struct request *request, const struct recorded_entry *recorded,
                                   const struct directory_entry *entry, struct error **rejection_r)
{
    struct error *error = NULL;
    if (recorded->kind == RECORDED_CREATION) {
        compare_created(request, recorded, entry, rejection_r);
        return NULL;
    }
    for (size_t i = 0; i < recorded->count && !error; i++) {
        const struct changed_field *change = recorded->fields[i];
        enum meaning meaning = meaning_of_field(recorded->entries->class, change->field);
        if (meaning == MEANING_ATTRIBUTE) {
            error = compare_attribute(request, change, entry, rejection_r);
        } else if (meaning != MEANING_COMPUTED) {
            compare_recorded_value(request, recorded, entry, change->field, change->after,
                                   rejection_r);
        }
    }
    return error;
}

/* --- previous values -------------------------------------------------------------------------- */

/* Replaces a reference by the DN of the entry that it names. The former DN of the changed entry
 * still names that entry. */
static struct error *resolve_previous(struct request *request,
                                      const struct recorded_entry *recorded,
                                      const struct field *field, struct value *value)
{
    const struct changed_field *place = entry_values_find(recorded, "dn");
    const char *former = place ? entry_values_text(request->arena, place->before) : NULL;
    const char *dn = NULL;
    bool is_person = field->codec == CODEC_REFERENCE;
    if (value->state != VALUE_SET || (!is_person && field->codec != CODEC_LINK)) {
        return NULL;
    }
    const char *text =
        former && names_equal(value->string.bytes, former) ? recorded->guid : value->string.bytes;
    struct error *error = (is_person ? directory_resolve_person : directory_resolve_object)(
        app_of(request)->directory, request->arena, text, field->name, &dn);
    if (!error) {
        field_set_string(value, dn);
    }
    return error;
}

/* Sets the previous value of a field of the body. */
static struct error *set_previous_field(struct request *request,
                                        const struct recorded_entry *recorded,
                                        const struct changed_field *change,
                                        struct directory_changes *changes)
{
    const struct field *field = find_map_field(recorded->entries->class->writable, change->field);
    struct field *map = arena_array(request->arena, 2, sizeof *map);
    struct value *values = arena_array(request->arena, 2, sizeof *values);
    map[0] = *field; /* the map of this field alone */
    struct error *error = parse_recorded(request->arena, field, change->before, values);
    if (!error) {
        error = resolve_previous(request, recorded, field, values);
    }
    if (!error) {
        directory_change_fields(changes, map, values);
    }
    return error;
}

static void set_previous_flag(const struct directory_class *class,
                              const struct changed_field *change, struct directory_changes *changes)
{
    const struct field *field = find_map_field(class->fields, change->field);
    bool was_true = !strcmp(change->before, "true");
    directory_change_account_control(changes, field->mask,
                                     was_true == (field->codec == CODEC_BITS_SET));
}

static struct error *set_previous_value(struct request *request,
                                        const struct recorded_entry *recorded,
                                        const struct changed_field *change, enum meaning meaning,
                                        struct directory_changes *changes)
{
    switch (meaning) {
    case MEANING_VALUE:
        return set_previous_field(request, recorded, change, changes);
    case MEANING_FLAG:
        set_previous_flag(recorded->entries->class, change, changes);
        return NULL;
    case MEANING_OBLIGATION:
        directory_change_text(changes, "pwdLastSet", !strcmp(change->before, "true") ? "0" : "-1");
        return NULL;
    case MEANING_ATTRIBUTE:
        directory_change_text(changes, change->field,
                              entry_values_text(request->arena, change->before));
        return NULL;
    default:
        return NULL;
    }
}

/* Returns ERR_NOT_REVERTIBLE with the fields that have no inverse; NULL: all have one. */
static struct error *check_inverses(struct request *request, const struct recorded_entry *recorded)
{
    struct error *error = NULL;
    for (size_t i = 0; i < recorded->count; i++) {
        const struct changed_field *change = recorded->fields[i];
        bool is_secret = !strcmp(change->after, CHANGESET_SECRET);
        if (!is_secret &&
            meaning_of_field(recorded->entries->class, change->field) != MEANING_OTHER) {
            continue;
        }
        if (!error) {
            error = error_new(request->arena, ERR_NOT_REVERTIBLE, NULL);
        }
        error_detail(error, change->field, is_secret ? FAULT_NOT_RECORDED : FAULT_NO_INVERSE, NULL);
    }
    return error;
}

struct error *entry_values_set_previous(struct request *request,
                                        const struct recorded_entry *recorded,
                                        struct directory_changes *changes)
{
    const struct directory_class *class = recorded->entries->class;
    const char *name = NULL, *parent = NULL;
    struct error *error = check_inverses(request, recorded);
    for (size_t i = 0; i < recorded->count && !error; i++) {
        const struct changed_field *change = recorded->fields[i];
        enum meaning meaning = meaning_of_field(class, change->field);
        if (meaning == MEANING_NAME) {
            name = entry_values_text(request->arena, change->before);
        } else if (meaning == MEANING_PARENT) {
            parent = entry_values_text(request->arena, change->before);
        } else {
            error = set_previous_value(request, recorded, change, meaning, changes);
        }
    }
    directory_change_place(changes, name, parent);
    return error;
}
