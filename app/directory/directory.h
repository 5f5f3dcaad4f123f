/*
 * Directory: Active Directory through one bound connection a worker; logins alone have others.
 *
 * Resources describe a class of objects (struct directory_class) and say what they want in terms of
 * field maps and changes; how Active Directory wants to be asked stands in this folder alone.
 * Everything that is returned lives in the caller's arena. No function here writes to a log what a
 * change holds: it may be a password.
 *
 * A directory that is silent or gone is borne for LDAP_CONNECT_TIMEOUT_MS and LDAP_TIMEOUT_MS
 * together, however many servers there are, and then is ERR_DIRECTORY_UNAVAILABLE. Every function
 * that asks it can return that and ERR_DIRECTORY_CREDENTIALS.
 *
 * Sources: MS-ADTS (Active Directory technical specification), MS-SAMR, RFC 4511 to 4519, RFC 2696
 * (paged results), RFC 2891 (server-side sorting), draft-ietf-ldapext-ldapv3-vlv-09.
 */
#ifndef DIRECTORY_DIRECTORY_H
#define DIRECTORY_DIRECTORY_H

#include "base/error.h"
#include "base/field.h"
#include "directory/login.h"
#include "directory/members.h"
#include "directory/probe.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buffer;
struct config;

/* One worker's view of the directory: its connection, and the little that is remembered. */
struct directory;

/* Which entries are what, as filters (RFC 4515). */
#define DIRECTORY_PEOPLE "(sAMAccountType=805306368)" /* SAM_USER_OBJECT: MS-SAMR 2.2.1.9 */
#define DIRECTORY_GROUPS "(objectClass=group)"

/* Of groupType (MS-ADTS 2.2.12), a signed number of 32 bits: where the group counts, and whether
 * permissions can be given to it. */
enum {
    GROUP_GLOBAL = 0x2,
    GROUP_DOMAIN_LOCAL = 0x4,
    GROUP_UNIVERSAL = 0x8,
};
#define GROUP_SECURITY INT64_C(0x80000000)

/* Characters that an account name cannot have, besides control characters (MS-SAMR 3.1.1.6). */
#define DIRECTORY_NOT_IN_ACCOUNT_NAMES "\"/\\[]:;|=,+*?<>@"

/* A class of objects. Static tables in resources/. */
struct directory_class {
    const char *filter;                /* RFC 4515: which entries are of this class */
    const char *name_attribute;        /* what a name in a path is compared with */
    const char *rdn_attribute;         /* what the entry is named by: "CN", "OU" */
    const char *sort_attribute;        /* the order of lists */
    const char *const *searched;       /* the attributes that ?search= looks in; NULL ends */
    const char *const *object_classes; /* of a new entry; NULL ends */
    const struct field *fields;        /* what is read of an entry, and how it is bound */
    const char *parent_field; /* what a client calls the parent of a new one: "ou", "parent_dn" */
};

/* One object as it was read. */
struct directory_entry {
    const char *dn;
    const char *guid;     /* objectGUID as text: names the object wherever it is moved to */
    struct value *values; /* parallel to the class's fields */
};

struct directory_page {
    struct directory_entry *const *entries;
    size_t count;
    int64_t total; /* of the whole list, by the server's count */
};

/* A set of changes of one object; created by directory_changes_new(). */
struct directory_changes;

/* Adds a line to `faults` for everything that is wrong with the settings and can be seen without
 * asking the directory. False if there is any. */
bool directory_check(const struct config *config, struct buffer *faults) MUST_CHECK;

/* In the master, before it forks for the first time: what is known of the controllers shall be
 * known to all processes together. */
void directory_share(void);

/* In the master, before it forks workers with these settings: what is known of the controllers is
 * kept if the settings are those of before, and begins anew if they are others. */
void directory_prepare(const struct config *config);

/* Does not connect yet: the first use does. `config` must outlive it. */
struct directory *directory_new(const struct config *config);
void directory_free(struct directory **directory);

/*
 * The one object of the class that is called `name`, below `parent_dn` (directly) or, if that is
 * NULL, anywhere below the base DN. ERR_NOT_FOUND; ERR_AMBIGUOUS with the DNs if there are several;
 * ERR_PARENT_NOT_FOUND, or ERR_VALIDATION about "parent_dn" if it is outside of the base DN.
 */
struct error *directory_find(struct directory *directory, struct arena *arena,
                             const struct directory_class *class, const char *name,
                             const char *parent_dn, struct directory_entry **entry_r) MUST_CHECK;

/* Like directory_find(), for an object that is about to be changed or deleted: does not read
 * member and memberOf, which may have thousands of values; their fields are absent. */
struct error *directory_find_target(struct directory *directory, struct arena *arena,
                                    const struct directory_class *class, const char *name,
                                    const char *parent_dn,
                                    struct directory_entry **entry_r) MUST_CHECK;

/* Reads an object again after a change that succeeded. If it cannot be read: ERR_RESULT_UNREAD. */
struct error *directory_read(struct directory *directory, struct arena *arena,
                             const struct directory_class *class,
                             const struct directory_entry *entry,
                             struct directory_entry **entry_r) MUST_CHECK;

/* One page of the class, sorted, by a virtual list view: `skip` objects are passed over, at most
 * `limit` (1 to 1000) are read. `search` may be NULL. */
struct error *directory_list(struct directory *directory, struct arena *arena,
                             const struct directory_class *class, const char *search, int64_t skip,
                             int64_t limit, struct directory_page *page_r) MUST_CHECK;

/* An empty change. What it is filled with is not copied: the strings must live as long as it. */
struct directory_changes *directory_changes_new(struct arena *arena);

/* Takes over every field that is bound as text or as a number and has a value: null clears the
 * attribute. */
void directory_change_fields(struct directory_changes *changes, const struct field *fields,
                             struct value *values);

/* Sets one attribute. */
void directory_change_text(struct directory_changes *changes, const char *attribute,
                           const char *text);

/* A reset of the password (unicodePwd, MS-ADTS 3.1.1.3.1.5): needs an encrypted connection. */
void directory_change_password(struct directory_changes *changes, const char *password);

/* Sets or clears the bits of `mask` in userAccountControl and leaves all others as they stand. */
void directory_change_account_control(struct directory_changes *changes, int64_t mask, bool set);

/* Renames (NULL: keeps the name) and moves (NULL: stays where it is). */
void directory_change_place(struct directory_changes *changes, const char *name,
                            const char *parent_dn);

/* Creates an entry in one operation, named `name` below `parent_dn`. ERR_ALREADY_EXISTS,
 * ERR_PARENT_NOT_FOUND, ERR_PASSWORD_POLICY, ERR_PASSWORD_NEEDS_TLS … */
struct error *directory_add(struct directory *directory, struct arena *arena,
                            const struct directory_class *class, const char *name,
                            const char *parent_dn, const struct directory_changes *changes,
                            struct directory_entry **entry_r) MUST_CHECK;

/*
 * Applies all changes to `entry`, or none: the move comes first, because it can be rolled back,
 * then one modify; the details of ERR_PARTIALLY_APPLIED name the changes that could not be
 * rolled back. `entry_r` is the object after the change. ERR_PROTECTED_OBJECT if the object, or for
 * a move one below it, is protected (protected.c).
 */
struct error *directory_update(struct directory *directory, struct arena *arena,
                               const struct directory_class *class,
                               const struct directory_entry *entry,
                               const struct directory_changes *changes,
                               struct directory_entry **entry_r) MUST_CHECK;

/* Deletes the entry if nothing is below it: ERR_NOT_EMPTY. ERR_PROTECTED_OBJECT. */
struct error *directory_delete(struct directory *directory, struct arena *arena,
                               const struct directory_entry *entry) MUST_CHECK;

/* --- rules that field maps name as checks ------------------------------------------------------
 */

/* A distinguished name (RFC 4514). */
enum fault_id directory_check_dn(const char *text, size_t length);

/* MS-SAMR 3.1.1.6 and 3.1.1.8.4: no "/\[]:;|=,+*?<>@, no control characters, no dot at the end. */
enum fault_id directory_check_account_name(const char *text, size_t length);

/* A userPrincipalName that Active Directory can take apart: at most one @, no backslash at the end.
 */
enum fault_id directory_check_principal_name(const char *text, size_t length);

#endif
