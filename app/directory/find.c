/* Find: reads one object of a class by its name, DN or GUID, and decodes it. */
#include "directory/find.h"

#include "directory/attribute.h"
#include "directory/caller.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/entry.h"
#include "directory/entry_version.h"
#include "directory/operation.h"
#include "directory/query.h"

#include <ldap.h>

/* Returns the attributes to request: for a whole entry, also those of its version. */
static char **find_attributes(struct arena *arena, const struct directory_class *class,
                              enum entry_extent extent)
{
    char **attributes = entry_attributes(arena, class->fields, extent, NULL);
    return extent == ENTRY_WHOLE ? entry_version_attributes(arena, class, attributes) : attributes;
}

const char *find_compute_version(const struct directory *directory, struct arena *arena,
                                 const struct directory_class *class, const struct raw_entry *raw)
{
    return entry_version_compute(arena, class, entry_without_hidden(directory, arena, class, raw));
}

/* Decodes an entry, and computes its version if it was read as a whole. */
static struct error *decode_found(struct directory *directory, struct arena *arena,
                                  const struct directory_class *class, enum entry_extent extent,
                                  struct raw_entry *raw, struct directory_entry **entry_r)
{
    struct error *error = entry_decode(directory, arena, class, extent, raw, entry_r);
    if (!error && extent == ENTRY_WHOLE) {
        (*entry_r)->version = find_compute_version(directory, arena, class, raw);
    }
    return error;
}

static struct error *find_named_entry(struct directory *directory, struct arena *arena,
                                      const struct directory_class *class, const char *name,
                                      const char *parent_dn, enum entry_extent extent,
                                      struct directory_entry **entry_r)
{
    const struct query_by_name wanted = {
        .attribute = class->name_attribute,
        .name = name,
        .filter = class->filter,
        .identifier_filter = class->filter,
        .parent_dn = parent_dn,
        .outside_system = class->outside_system,
        .machine_names = class->machine_names,
        .attributes = find_attributes(arena, class, extent),
    };
    struct raw_entry *raw = NULL;
    connection_begin_call(directory);
    struct error *error = query_name(directory, arena, &wanted, &raw);
    return error ? error : decode_found(directory, arena, class, extent, raw, entry_r);
}

struct error *directory_find(struct directory *directory, struct arena *arena,
                             const struct directory_class *class, const char *name,
                             const char *parent_dn, struct directory_entry **entry_r)
{
    return find_named_entry(directory, arena, class, name, parent_dn, ENTRY_WHOLE, entry_r);
}

struct error *directory_find_target(struct directory *directory, struct arena *arena,
                                    const struct directory_class *class, const char *name,
                                    const char *parent_dn, struct directory_entry **entry_r)
{
    return find_named_entry(directory, arena, class, name, parent_dn, ENTRY_WITHOUT_LINKS, entry_r);
}

struct error *find_entry(struct directory *directory, struct arena *arena,
                         const struct directory_class *class, const char *dn,
                         enum entry_extent extent, struct directory_entry **entry_r)
{
    struct answer answer;
    const struct query search = {
        .base = dn,
        .scope = LDAP_SCOPE_BASE,
        .filter = class->filter,
        .attributes = find_attributes(arena, class, extent),
    };
    struct raw_entry *raw = NULL;
    struct error *error = query_run(directory, arena, &search, &answer);
    if (!error) {
        error = query_only_entry(arena, &answer, class->fields, dn, &raw);
    }
    if (!error && !caller_sees(directory, raw->dn)) { /* another client has moved it meanwhile */
        error = error_new(arena, ERR_NOT_FOUND, "%s is hidden from the caller now", raw->dn);
    }
    return error ? error : decode_found(directory, arena, class, extent, raw, entry_r);
}

struct error *find_version(struct directory *directory, struct arena *arena,
                           const struct directory_class *class, const char *dn, char **attributes,
                           struct raw_entry *raw_r)
{
    char **all = entry_version_attributes(arena, class, attributes);
    struct error *error = query_object(directory, arena, dn, all, raw_r);
    return error ? error : entry_complete(directory, arena, dn, raw_r);
}

struct error *find_check_guard(struct directory *directory, struct arena *arena, const char *dn,
                               const struct directory_guard *guard)
{
    char *none[] = {NULL};
    struct raw_entry raw = {0};
    if (!guard) {
        return NULL;
    }
    struct error *error = find_version(directory, arena, guard->class, dn, none, &raw);
    return error ? error
                 : guard->condition(guard->context,
                                    find_compute_version(directory, arena, guard->class, &raw));
}

struct error *find_result(struct directory *directory, struct arena *arena,
                          const struct directory_class *class, const char *dn,
                          struct directory_entry **entry_r)
{
    struct error *error = find_entry(directory, arena, class, dn, ENTRY_WHOLE, entry_r);
    if (error) {
        return error_new(arena, ERR_RESULT_UNREAD, "%s", error->cause ? error->cause : "not found");
    }
    return NULL;
}

struct error *directory_read(struct directory *directory, struct arena *arena,
                             const struct directory_class *class,
                             const struct directory_entry *entry, struct directory_entry **entry_r)
{
    connection_begin_call(directory);
    return find_result(directory, arena, class, query_guid_dn(arena, entry->guid), entry_r);
}
