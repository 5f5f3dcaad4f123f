/* See restoration.h. */
#include "rest/restoration.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/country.h"
#include "base/fold.h"
#include "directory/names.h"
#include "http/fields.h"
#include "http/request.h"
#include "rest/app.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- fields ----------------------------------------------------------------------------------- */

/* Returns the field of the map with this name, or NULL. */
static const struct field *find_named_field(const struct field *fields, const char *name)
{
    for (; fields && fields->name; fields++) {
        if (!strcmp(fields->name, name)) {
            return fields;
        }
    }
    return NULL;
}

/* True if the field belongs to the names of the entry, which a restore may change. */
static bool is_name(const struct directory_class *class, const struct field *field)
{
    return field->attribute && (!strcasecmp(field->attribute, class->rdn_attribute) ||
                                !strcasecmp(field->attribute, "sAMAccountName"));
}

static bool is_membership(const struct field *field)
{
    return field->codec == CODEC_MEMBERS || field->codec == CODEC_MEMBERSHIPS;
}

static bool is_filled(const struct field *field, const struct value *value)
{
    return value->state == VALUE_SET && (field->type != FIELD_STRINGS || value->strings.count);
}

/* --- the image -------------------------------------------------------------------------------- */

/* The members of a change in an audit row (http/changeset.h). */
enum change_member { CHANGE_ID, CHANGE_FIELD, CHANGE_BEFORE, CHANGE_MEMBERS };

static const char *const change_members[] = {
    [CHANGE_ID] = "id", [CHANGE_FIELD] = "field", [CHANGE_BEFORE] = "before"};

/* Parses the JSON of a value. A value that does not fit the field any more is absent. */
static void parse_image_value(struct arena *arena, const struct field *field, const char *json,
                              struct value *value)
{
    enum { STRINGS_MAX = 1000000 };
    const struct field plain = {
        .name = field->name,
        .type = field->type == FIELD_RECORD ? FIELD_STRING : field->type,
        .flags = FIELD_NULLABLE,
        .items_max = STRINGS_MAX,
    };
    struct value *parsed;
    if (fields_read_bare(arena, &plain, json, strlen(json), &parsed)) {
        return;
    }
    *value = *parsed;
    if (field->type == FIELD_RECORD && parsed->state == VALUE_SET) { /* recorded as its DN */
        struct value *record = arena_array(arena, fields_count(field->fields), sizeof *record);
        *fields_get(field->fields, record, "dn") = *parsed;
        field_set_record(value, record);
    }
}

/* Converts the changes of an audit row to the values of the entry with this objectGUID. */
static struct error *parse_image(struct arena *arena, const struct directory_class *class,
                                 const char *guid, const char *changes, size_t length,
                                 struct value *image)
{
    const char *const **rows;
    const char *own_id = arena_format(arena, "\"%s\"", guid);
    size_t count;
    struct error *error =
        fields_split_objects(arena, changes, length, change_members, CHANGE_MEMBERS, &rows, &count);
    for (size_t i = 0; !error && i < count; i++) {
        const char *id = rows[i][CHANGE_ID], *name = rows[i][CHANGE_FIELD];
        bool is_own = !id || !strcasecmp(id, own_id);
        size_t quoted = name ? strlen(name) : 0;
        const struct field *field =
            is_own && quoted > 2
                ? find_named_field(class->fields, arena_copy(arena, name + 1, quoted - 2))
                : NULL;
        if (field && rows[i][CHANGE_BEFORE]) {
            parse_image_value(arena, field, rows[i][CHANGE_BEFORE], &image[field - class->fields]);
        }
    }
    return error;
}

struct value *restoration_recorded_image(struct arena *arena, const struct directory_class *class,
                                         const char *guid, const struct changeset *changes)
{
    struct value *image = arena_array(arena, fields_count(class->fields), sizeof *image);
    for (size_t i = 0; i < changes->count; i++) {
        const struct changed_field *change = &changes->items[i];
        const struct field *field = find_named_field(class->fields, change->field);
        if (field && change->id && !strcasecmp(change->id, guid)) {
            parse_image_value(arena, field, change->before, &image[field - class->fields]);
        }
    }
    return image;
}

struct error *restoration_read_image(const struct request *request,
                                     const struct directory_class *class,
                                     const struct directory_deleted *deleted,
                                     struct value **image_r)
{
    /* maximum difference between the clocks of Kontora and of the controller, and the longest time
     * that a deletion can take after its row was written */
    enum { CLOCK_SLACK_MS = 15 * 60 * 1000 };
    struct arena *arena = request->arena;
    struct store_query *query = store_query(app_of(request)->store, arena, SQL_DELETED_IMAGE);
    bool found;
    size_t length;
    *image_r = NULL;
    store_bind_text(query, deleted->kind);
    store_bind_text(query, deleted->guid);
    store_bind_text(query, arena_format(arena, "delete_%s", deleted->kind));
    store_bind_integer(query, deleted->deleted_at - CLOCK_SLACK_MS);
    store_bind_integer(query, deleted->deleted_at + CLOCK_SLACK_MS);
    store_bind_integer(query, deleted->dn != NULL);
    struct error *error = store_next(query, &found);
    if (error || !found) {
        return error;
    }
    const char *text = store_text(query, 0, &length);
    const char *changes = arena_copy(arena, text, length);
    *image_r = arena_array(arena, fields_count(class->fields), sizeof **image_r);
    error = parse_image(arena, class, deleted->guid, changes, length, *image_r);
    store_end(query);
    return error;
}

/* --- continuing ------------------------------------------------------------------------------- */

/* Finds the time of the deletion in the changes of a restore. False if they do not have it. */
static bool parse_deletion_time(struct arena *arena, const char *const **rows, size_t count,
                                int64_t *time_r)
{
    for (size_t i = 0; i < count; i++) {
        const char *field = rows[i][CHANGE_FIELD], *before = rows[i][CHANGE_BEFORE];
        size_t quoted = before ? strlen(before) : 0;
        struct clock_span span;
        if (field && !strcmp(field, "\"deleted_at\"") && quoted > 2 &&
            clock_parse_time(arena_copy(arena, before + 1, quoted - 2), &span)) {
            *time_r = span.from_ms;
            return true;
        }
    }
    return false;
}

struct error *restoration_find_unfinished(const struct request *request,
                                          struct directory_deleted *entry,
                                          struct directory_restoration *restoration)
{
    struct arena *arena = request->arena;
    struct store_query *query = store_query(app_of(request)->store, arena, SQL_DELETED_UNFINISHED);
    const char *const **rows;
    bool found;
    size_t length, count;
    store_bind_text(query, entry->kind);
    store_bind_text(query, entry->guid);
    store_bind_text(query, arena_format(arena, "delete_%s", entry->kind));
    struct error *error = store_next(query, &found);
    if (error || !found) {
        return error;
    }
    const char *text = store_text(query, SQL_DELETED_UNFINISHED_CHANGES, &length);
    const char *changes = arena_copy(arena, text, length);
    restoration->was_changed = store_integer(query, SQL_DELETED_UNFINISHED_LATER) > 0;
    store_end(query);
    error =
        fields_split_objects(arena, changes, length, change_members, CHANGE_MEMBERS, &rows, &count);
    restoration->continues = !error && parse_deletion_time(arena, rows, count, &entry->deleted_at);
    return error;
}

/* --- writing back ----------------------------------------------------------------------------- */

/* Returns the DN of the object that a value refers to, or NULL if it does not exist any more. */
static struct error *find_referenced(struct directory *directory, struct arena *arena,
                                     const struct field *field, const struct value *value,
                                     const char **dn_r)
{
    const char *text = value->string.bytes;
    if (field->type == FIELD_RECORD) {
        const char *guid = fields_string(field->fields, value->record, "objectGUID");
        text = guid ? guid : fields_string(field->fields, value->record, "dn");
    }
    *dn_r = NULL;
    struct error *error =
        text ? directory_resolve_object(directory, arena, text, field->name, dn_r) : NULL;
    return error && error->id == ERR_VALIDATION ? NULL : error;
}

/* Sets the value to write for one field. */
static struct error *fill_value(struct directory *directory, struct arena *arena,
                                const struct field *field, const struct value *before,
                                struct value *value)
{
    const char *dn;
    if (field->codec != CODEC_REFERENCE && field->codec != CODEC_LINK) {
        *value = *before;
        return NULL;
    }
    struct error *error = find_referenced(directory, arena, field, before, &dn);
    if (!error && dn) {
        field_set_string(value, dn);
    }
    return error;
}

/* Adds the attributes that are written together with the code of a country. */
static void add_country(struct arena *arena, const struct value *code,
                        struct directory_changes *changes)
{
    struct country *country = arena_alloc(arena, sizeof *country);
    if (country_find(code->string.bytes, code->string.length, country)) {
        directory_change_text(changes, "co", country->name);
        directory_change_text(changes, "countryCode", arena_format(arena, "%d", country->number));
    }
}

/* Returns the strings of a value, with NULL at the end; NULL if there are none. */
static const char *const *list_memberships(struct arena *arena, const struct value *value)
{
    size_t count = value->strings.count;
    const char **items = arena_array(arena, count + 1, sizeof *items);
    for (size_t i = 0; i < count; i++) {
        items[i] = value->strings.items[i];
    }
    return count ? items : NULL;
}

struct error *restoration_fill(struct directory *directory, struct arena *arena,
                               const struct value *image, struct directory_restoration *restoration)
{
    const struct directory_class *class = restoration->class;
    struct value *values = arena_array(arena, fields_count(class->writable), sizeof *values);
    for (size_t i = 0; image && class->fields[i].name; i++) {
        const struct field *field = &class->fields[i];
        const struct field *writable = find_named_field(class->writable, field->name);
        if (!is_filled(field, &image[i])) {
            continue;
        }
        if (field->codec == CODEC_MEMBERSHIPS) {
            restoration->groups = list_memberships(arena, &image[i]);
        } else if (field->codec == CODEC_MEMBERS) {
            restoration->members = list_memberships(arena, &image[i]);
        } else if (writable && !is_name(class, field)) {
            struct error *error =
                fill_value(directory, arena, field, &image[i], &values[writable - class->writable]);
            if (error) {
                return error;
            }
        }
        if (field->attribute && !strcmp(field->attribute, "c")) {
            add_country(arena, &image[i], restoration->changes);
        }
    }
    directory_change_fields(restoration->changes, class->writable, values);
    return NULL;
}

/* --- comparing -------------------------------------------------------------------------------- */

/* A DN of a list, with its folded form, by which lists are sorted. */
struct listed_dn {
    const char *key, *dn;
};

static int compare_listed_dns(const void *a, const void *b)
{
    const struct listed_dn *left = a, *right = b;
    return strcmp(left->key, right->key);
}

static struct listed_dn fold_dn(struct arena *arena, const char *dn)
{
    const char *normal = names_normalize(arena, dn);
    return (struct listed_dn){fold_text(arena, normal ? normal : dn), dn};
}

/* True if the sorted list has the DN, in any spelling. */
static bool contains_dn(struct arena *arena, const struct listed_dn *list, size_t count,
                        const char *dn)
{
    const struct listed_dn wanted = fold_dn(arena, dn);
    size_t low = 0, high = count;
    while (low < high) { /* find the first one that is not less */
        size_t middle = low + (high - low) / 2;
        if (compare_listed_dns(&list[middle], &wanted) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < count && !compare_listed_dns(&list[low], &wanted); low++) {
        if (names_equal(list[low].dn, dn)) {
            return true;
        }
    }
    return false;
}

/* True if `after` has all DNs of `before`. */
static bool has_all_dns(struct arena *arena, const struct value *before, const struct value *after)
{
    size_t count = after->strings.count;
    struct listed_dn *list = arena_array(arena, count, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        list[i] = fold_dn(arena, after->strings.items[i]);
    }
    if (count) {
        qsort(list, count, sizeof *list, compare_listed_dns);
    }
    for (size_t i = 0; i < before->strings.count; i++) {
        if (!contains_dn(arena, list, count, before->strings.items[i])) {
            return false;
        }
    }
    return true;
}

static bool has_same_strings(const struct value *before, const struct value *after)
{
    bool same = before->strings.count == after->strings.count;
    for (size_t i = 0; same && i < before->strings.count; i++) {
        same = !strcmp(before->strings.items[i], after->strings.items[i]);
    }
    return same;
}

static bool refers_to_same(const struct field *field, const struct value *before,
                           const struct value *after)
{
    static const char *const keys[] = {"objectGUID", "dn"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *one = fields_string(field->fields, before->record, keys[i]);
        const char *other = fields_string(field->fields, after->record, keys[i]);
        if (one && other) {
            return !strcasecmp(one, other);
        }
    }
    return false;
}

/* True if the field has the value again that it had before the deletion. */
static bool is_restored(struct arena *arena, const struct field *field, const struct value *before,
                        const struct value *after)
{
    if (!is_filled(field, after)) {
        return false;
    }
    switch (field->type) {
    case FIELD_STRING:
        return field->codec == CODEC_LINK ? names_equal(before->string.bytes, after->string.bytes)
                                          : !strcmp(before->string.bytes, after->string.bytes);
    case FIELD_STRINGS:
        return is_membership(field) ? has_all_dns(arena, before, after)
                                    : has_same_strings(before, after);
    case FIELD_RECORD:
        return refers_to_same(field, before, after);
    case FIELD_BOOLEAN:
        return before->boolean == after->boolean;
    default:
        return before->integer == after->integer;
    }
}

/* The possible results for a field. */
enum outcome { OUTCOME_NONE, OUTCOME_RESTORED, OUTCOME_LOST };

/* Decides about a field without an image. */
static enum outcome guess_outcome(const struct field *field, const struct value *after,
                                  const struct directory_restored *restored)
{
    bool is_enabled = !strcmp(field->name, "enabled");
    if (restored->keeps_all) {
        return is_filled(field, after) ? OUTCOME_RESTORED : OUTCOME_NONE;
    }
    if (is_membership(field) || (is_enabled && restored->was_enabled)) {
        return OUTCOME_LOST;
    }
    return is_filled(field, after) ? OUTCOME_RESTORED : OUTCOME_LOST;
}

static enum outcome choose_outcome(struct arena *arena, const struct directory_class *class,
                                   size_t index, const struct value *image,
                                   const struct directory_restored *restored)
{
    const struct field *field = &class->fields[index];
    const struct value *after = &restored->entry->values[index];
    if (!find_named_field(class->writable, field->name) && !is_membership(field)) {
        return OUTCOME_NONE;
    }
    if (is_name(class, field)) {
        return OUTCOME_RESTORED;
    }
    if (!image) {
        return guess_outcome(field, after, restored);
    }
    if (!is_filled(field, &image[index])) {
        return OUTCOME_NONE;
    }
    return is_restored(arena, field, &image[index], after) ? OUTCOME_RESTORED : OUTCOME_LOST;
}

struct restoration_report restoration_compare(struct arena *arena,
                                              const struct directory_class *class,
                                              const struct value *image,
                                              const struct directory_restored *restored,
                                              bool is_account)
{
    static const char password[] = "password";
    size_t count = fields_count(class->fields);
    const char **names[] = {[OUTCOME_RESTORED] = arena_array(arena, count + 1, sizeof(char *)),
                            [OUTCOME_LOST] = arena_array(arena, count + 1, sizeof(char *))};
    size_t counts[] = {[OUTCOME_RESTORED] = 0, [OUTCOME_LOST] = 0};
    for (size_t i = 0; i < count; i++) {
        enum outcome outcome = choose_outcome(arena, class, i, image, restored);
        if (outcome != OUTCOME_NONE) {
            names[outcome][counts[outcome]++] = class->fields[i].name;
        }
    }
    if (is_account) {
        enum outcome outcome = restored->keeps_all ? OUTCOME_RESTORED : OUTCOME_LOST;
        names[outcome][counts[outcome]++] = password;
    }
    return (struct restoration_report){
        .restored = {names[OUTCOME_RESTORED], counts[OUTCOME_RESTORED]},
        .lost = {names[OUTCOME_LOST], counts[OUTCOME_LOST]},
    };
}
