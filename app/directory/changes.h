/* Changes: a set of changes of one object, as LDAP modifications. */
#ifndef DIRECTORY_CHANGES_H
#define DIRECTORY_CHANGES_H

#include "base/error.h"

#include <ldap.h>
#include <stdint.h>

struct arena;
struct directory_class;
struct value;

struct change {
    struct change *next;
    const char *attribute;
    const char *text; /* NULL: clears it */
};

struct directory_changes {
    struct arena *arena;
    struct change *first, **end;
    const char *password;         /* NULL: stays */
    int64_t set_bits, clear_bits; /* of userAccountControl */
    const char *name, *parent_dn; /* NULL: stay */
};

/* userAccountControl after the change. */
int64_t changes_account_control(const struct directory_changes *changes, int64_t before);

/* The attributes of a new entry, as libldap wants them. */
struct error *changes_to_entry(const struct directory_changes *changes, struct arena *arena,
                               const struct directory_class *class, LDAPMod ***mods_r) MUST_CHECK;

/* The modifications of an entry that was read with these values and whose userAccountControl was
 * `before`; NULL for none. They fail with 16 (no such attribute) if that is no longer so. */
struct error *changes_to_mods(const struct directory_changes *changes, struct arena *arena,
                              const struct directory_class *class, const struct value *values,
                              int64_t before, LDAPMod ***mods_r) MUST_CHECK;

#endif
