/* See precheck.h. */
#include "directory/precheck.h"

#include "base/arena.h"
#include "base/right.h"
#include "directory/attribute.h"
#include "directory/caller.h"
#include "directory/changes.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/names.h"
#include "directory/protected.h"
#include "directory/query.h"
#include "directory/taken.h"

#include <string.h>

static bool has_text(const struct raw_entry *raw, const char *attribute, const char *text)
{
    const struct attribute *values = attribute_get(raw, attribute);
    for (size_t i = 0; values && i < values->count; i++) {
        if (!strcasecmp(values->values[i].bv_val, text)) {
            return true;
        }
    }
    return false;
}

/* --- attributes ------------------------------------------------------------------------------- */

static struct error *report_unwritable(struct arena *arena, const char *dn, const char *attribute)
{
    return error_new(arena, ERR_DIRECTORY_FORBIDDEN, "no right to write %s of %s", attribute, dn);
}

/* Checks that the service account may write the attributes (MS-ADTS 3.1.1.4.5.19). */
static struct error *check_write_rights(struct directory *directory, struct arena *arena,
                                        const char *guid, const struct directory_changes *changes)
{
    static const char writable[] = "allowedAttributesEffective", control[] = "userAccountControl";
    char *attributes[] = {arena_string(arena, writable), NULL};
    struct raw_entry raw = {0};
    struct error *error =
        query_object(directory, arena, query_guid_dn(arena, guid), attributes, &raw);
    if (error) {
        return error;
    }
    for (const struct change *change = changes->first; change; change = change->next) {
        if (!has_text(&raw, writable, change->attribute)) {
            return report_unwritable(arena, raw.dn, change->attribute);
        }
    }
    return changes_write_control(changes) && !has_text(&raw, writable, control)
               ? report_unwritable(arena, raw.dn, control)
               : NULL;
}

struct error *directory_precheck_update(struct directory *directory, struct arena *arena,
                                        const struct directory_class *class,
                                        const struct directory_entry *entry,
                                        const struct directory_changes *changes)
{
    const struct caller_need need = caller_need_of(arena, class, changes);
    struct target target;
    connection_begin_call(directory);
    struct error *error =
        protected_read(directory, arena, entry->guid, PROTECTED_MODIFY, &need, &target);
    if (!error) {
        error = protected_check_controller(directory, arena, &target);
    }
    return error ? error : check_write_rights(directory, arena, entry->guid, changes);
}

struct error *directory_precheck_truth(struct directory *directory, struct arena *arena,
                                       const struct directory_entry *entry, const char *attribute,
                                       struct directory_precheck_attribute *found_r)
{
    static const char possible[] = "allowedAttributes";
    char *attributes[] = {arena_string(arena, possible), arena_string(arena, attribute), NULL};
    struct raw_entry raw = {0};
    connection_begin_call(directory);
    struct error *error =
        query_object(directory, arena, query_guid_dn(arena, entry->guid), attributes, &raw);
    if (!error) {
        *found_r = (struct directory_precheck_attribute){
            .exists = has_text(&raw, possible, attribute),
            .is_true = has_text(&raw, attribute, "TRUE"),
        };
    }
    return error;
}

/* --- moves ------------------------------------------------------------------------------------ */

/* Returns the error for an object that has the new DN already. */
static struct error *check_free(struct directory *directory, struct arena *arena,
                                const struct directory_class *class,
                                const struct directory_entry *entry, const char *new_dn)
{
    char *attributes[] = {"objectGUID", NULL};
    const struct directory_changes *none = directory_changes_new(arena);
    struct raw_entry raw = {0};
    const char *guid = NULL;
    struct error *error = query_object(directory, arena, new_dn, attributes, &raw);
    if (error) {
        return error->id == ERR_NOT_FOUND ? NULL : error;
    }
    const struct attribute *octets = attribute_get(&raw, "objectGUID");
    if (octets && codec_guid(arena, octets->values, &guid) && !strcmp(guid, entry->guid)) {
        return NULL;
    }
    return taken_explain(directory, arena, class, none, entry->guid, new_dn,
                         error_new(arena, ERR_ALREADY_EXISTS, "%s exists", new_dn));
}

/* Checks that the service account may create entries of the class below the parent. */
static struct error *check_creatable(struct directory *directory, struct arena *arena,
                                     const struct directory_class *class, const char *parent)
{
    static const char creatable[] = "allowedChildClassesEffective";
    char *attributes[] = {arena_string(arena, creatable), NULL};
    struct raw_entry raw = {0};
    size_t last = 0;
    struct error *error = query_object(directory, arena, parent, attributes, &raw);
    while (class->object_classes[last + 1]) {
        last++;
    }
    if (error || has_text(&raw, creatable, class->object_classes[last])) {
        return error;
    }
    error = error_new(arena, ERR_DIRECTORY_FORBIDDEN, "no right to create a %s below %s",
                      class->object_classes[last], parent);
    return error_detail(error, NULL, FAULT_NONE, parent);
}

/* Gives details about the parent the name of the client's field. */
static struct error *rename_details(struct error *error, const char *field)
{
    for (struct error_detail *detail = error ? error->details : NULL; detail;
         detail = detail->next) {
        if (detail->field && !strcmp(detail->field, "parent_dn")) {
            detail->field = field;
        }
    }
    return error;
}

/* Checks the move to a parent in the directory's spelling. */
static struct error *check_place(struct directory *directory, struct arena *arena,
                                 const struct directory_class *class,
                                 const struct directory_entry *entry, const char *parent)
{
    static const struct caller_need need = {.rights = RIGHT_BIT(RIGHT_MOVE)};
    struct target target;
    struct error *error =
        protected_read(directory, arena, entry->guid, PROTECTED_MOVE, &need, &target);
    if (error) {
        return error;
    }
    const char *rdn = names_first_rdn(arena, target.dn), *old = names_parent(arena, target.dn);
    if (!rdn || !old) {
        return error_new(arena, ERR_INTERNAL, "cannot parse the DN of the object");
    }
    const char *new_dn = arena_format(arena, "%s,%s", rdn, parent);
    error = caller_check_new_dn(directory, arena, target.dn, new_dn, &need);
    if (error || names_equal(old, parent)) {
        return error;
    }
    error = check_free(directory, arena, class, entry, new_dn);
    return error ? error : check_creatable(directory, arena, class, parent);
}

struct error *directory_precheck_move(struct directory *directory, struct arena *arena,
                                      const struct directory_class *class,
                                      const struct directory_entry *entry, const char *parent_dn,
                                      const char *field)
{
    const char *parent;
    if (!parent_dn) {
        return NULL;
    }
    connection_begin_call(directory);
    struct error *error = query_parent(directory, arena, parent_dn, field, &parent);
    if (!error) {
        error = check_place(directory, arena, class, entry, parent);
    }
    return rename_details(error, field);
}
