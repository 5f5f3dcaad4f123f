/* Changes: converts a set of changes to one object to LDAP modifications. */
#ifndef DIRECTORY_CHANGES_H
#define DIRECTORY_CHANGES_H

#include "base/error.h"
#include "directory/directory.h"

#include <ldap.h>
#include <stdbool.h>
#include <stdint.h>

struct arena;
struct raw_entry;
struct value;

struct change {
    struct change *next;
    const char *attribute;
    const char *text;  /* new value; NULL: clears the attribute */
    bool is_reference; /* the values of the attribute are DNs, which have several spellings */
};

struct directory_changes {
    struct arena *arena;
    struct change *first, **end;
    const char *password;           /* NULL: unchanged */
    int64_t set_bits, clear_bits;   /* bits of userAccountControl */
    const char *name, *parent_dn;   /* NULL: unchanged */
    directory_condition *condition; /* NULL: none */
    void *condition_context;
};

/* The entry before the changes. */
struct changes_base {
    const struct value *values; /* of the fields of its class */
    int64_t account_control;    /* userAccountControl; 0: none */
    /* The attributes that the changes set, as they were read. The modifications delete exactly
     * these values, so they fail if a value has changed. NULL: attributes are replaced
     * unconditionally. */
    const struct raw_entry *exact;
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

/* Returns the modifications of an entry; NULL if there are none. The server rejects them with
 * result 16 (no such attribute) if userAccountControl, a value to clear or, with base->exact, a
 * value to change is no longer that of `base`. Samba ignores the old userAccountControl, and
 * compares other values without regard to case and blanks. */
struct error *changes_to_mods(const struct directory_changes *changes, struct arena *arena,
                              const struct directory_class *class, const struct changes_base *base,
                              LDAPMod ***mods_r) MUST_CHECK;

/* Returns the attributes that the changes set, except userAccountControl and unicodePwd, as a
 * NULL-terminated array. */
char **changes_attributes(const struct directory_changes *changes, struct arena *arena);

/* Returns only the modification of userAccountControl; NULL if it needs none. */
LDAPMod **changes_to_control_mods(const struct directory_changes *changes, struct arena *arena,
                                  int64_t before);

/* True if the changes write userAccountControl. */
bool changes_write_control(const struct directory_changes *changes);

/* True if an entry with these attributes has all changes, as far as they can be read. */
bool changes_hold(const struct directory_changes *changes, const struct raw_entry *raw);

/* True if objects of the class are accounts, which have a userAccountControl. */
bool changes_is_account_class(const struct directory_class *class);

#endif
