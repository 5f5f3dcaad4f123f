/* Changes: converts a set of changes to one object to LDAP modifications. */
#ifndef DIRECTORY_CHANGES_H
#define DIRECTORY_CHANGES_H

#include "base/error.h"

#include <ldap.h>
#include <stdbool.h>
#include <stdint.h>

struct arena;
struct directory_class;
struct value;

struct change {
    struct change *next;
    const char *attribute;
    const char *text; /* new value; NULL: clears the attribute */
};

struct directory_changes {
    struct arena *arena;
    struct change *first, **end;
    const char *password;         /* NULL: unchanged */
    int64_t set_bits, clear_bits; /* bits of userAccountControl */
    const char *name, *parent_dn; /* NULL: unchanged */
};

/* Returns the new value of an attribute; NULL if it is unchanged or cleared. */
const char *changes_text(const struct directory_changes *changes, const char *attribute);

/* True if there are changes besides the name and the parent. */
bool changes_modify(const struct directory_changes *changes);

/* Returns userAccountControl after the changes. */
int64_t changes_account_control(const struct directory_changes *changes, int64_t before);

/* Returns the attributes of a new entry, as a NULL-terminated array for libldap. */
struct error *changes_to_entry(const struct directory_changes *changes, struct arena *arena,
                               const struct directory_class *class, LDAPMod ***mods_r) MUST_CHECK;

/* Returns the modifications of an entry that was read with these values and with userAccountControl
 * `before`; NULL if there are none. The server rejects them with result 16 (no such attribute) if
 * userAccountControl or a value to clear has changed since. */
struct error *changes_to_mods(const struct directory_changes *changes, struct arena *arena,
                              const struct directory_class *class, const struct value *values,
                              int64_t before, LDAPMod ***mods_r) MUST_CHECK;

#endif
