/*
 * Directory: access to Active Directory. Each worker keeps one bound LDAP connection; each login
 * opens a connection of its own.
 *
 * A resource describes its class of objects (struct directory_class) with a field map and passes
 * changes in terms of that map; only this folder knows the LDAP requests. All results are allocated
 * in the caller's arena. No function logs the content of a change, because it may be a password.
 *
 * If the directory is unreachable or does not respond, a call returns ERR_DIRECTORY_UNAVAILABLE
 * after at most LDAP_CONNECT_TIMEOUT_MS + LDAP_TIMEOUT_MS, however many servers LDAP_SERVER names.
 * Every function that sends a request can return this error and ERR_DIRECTORY_CREDENTIALS.
 *
 * Sources: MS-ADTS (Active Directory technical specification), MS-SAMR, RFC 4511 to 4519, RFC 2696
 * (paged results), RFC 2891 (server-side sorting), draft-ietf-ldapext-ldapv3-vlv-09.
 */
#ifndef DIRECTORY_DIRECTORY_H
#define DIRECTORY_DIRECTORY_H

#include "base/error.h"
#include "base/field.h"
#include "directory/access.h"
#include "directory/caller.h"
#include "directory/delegation.h"
#include "directory/delete.h"
#include "directory/effective.h"
#include "directory/list.h"
#include "directory/login.h"
#include "directory/member_list.h"
#include "directory/members.h"
#include "directory/policy.h"
#include "directory/probe.h"
#include "directory/references.h"
#include "directory/tree.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buffer;
struct config;

/* The directory client of one process: its connection and its caches. */
struct directory;

/* Filters (RFC 4515) that select users and groups. */
#define DIRECTORY_USER_FILTER "(sAMAccountType=805306368)" /* SAM_USER_OBJECT: MS-SAMR 2.2.1.9 */
#define DIRECTORY_GROUP_FILTER "(objectClass=group)"

/* Selects computers: managed service accounts are of subclasses of `computer`, but have categories
 * of their own. An account of class `computer` that is no machine account is a user. */
#define DIRECTORY_COMPUTER_FILTER "(&(objectCategory=computer)(sAMAccountType=805306369))"

/* Bits of groupType (MS-ADTS 2.2.12), a signed 32-bit integer: the scope of the group, and
 * GROUP_SECURITY if it can be granted permissions. */
enum {
    GROUP_GLOBAL = 0x2,
    GROUP_DOMAIN_LOCAL = 0x4,
    GROUP_UNIVERSAL = 0x8,
};
#define GROUP_SECURITY INT64_C(0x80000000)

/* Characters that an account name must not contain, besides control characters (MS-SAMR
 * 3.1.1.6). */
#define DIRECTORY_ACCOUNT_NAME_INVALID "\"/\\[]:;|=,+*?<>@"

/* A class of objects. Defined as static tables in resources/. */
struct directory_class {
    const char *filter;                /* RFC 4515 filter that selects entries of this class */
    const char *name_attribute;        /* attribute that a name in a URL path is matched against */
    const char *rdn_attribute;         /* attribute of the entry's RDN: "CN", "OU" */
    const char *sort_attribute;        /* attribute that lists are sorted by */
    const char *const *searched;       /* attributes that ?search= matches; ends with NULL */
    const char *const *object_classes; /* objectClass of a new entry; ends with NULL */
    const struct field *fields;        /* the fields to read, and the attributes they map to */
    const struct field *writable;      /* fields of a change; NULL: none. Their attributes determine
                                          the version of an entry */
    const char *const *versioned;      /* further attributes of its version; NULL: none */
    const char *parent_field;          /* JSON field for a new entry's parent: "ou", "parent_dn" */
    bool outside_system;               /* lists, and names without a parent, omit entries below
                                          CN=System, which belong to the directory itself */
    bool machine_names;                /* a name in a URL path may also be the cn, or the
                                          sAMAccountName without the "$" at its end */
};

/* One object as it was read. */
struct directory_entry {
    const char *dn;
    const char *guid;     /* objectGUID as text; stays the same when the object is moved */
    struct value *values; /* one for each of the class's fields, in the same order */
    /* Digest of the attributes that clients can change (entry_version.c): two versions are equal if
     * none of them has changed. NULL in pages of lists and in targets. */
    const char *version;
};

/* A set of changes to one object; created by directory_changes_new(). */
struct directory_changes;

/* Validates the settings without contacting the directory. Appends a line to `faults` for each
 * invalid setting; returns false if any setting is invalid. */
bool directory_check(const struct config *config, struct buffer *faults) MUST_CHECK;

/* Moves the states of the controllers, the lockout counts and the locks of objects to shared
 * memory. The master calls it once, before its first fork. */
void directory_share(void);

/* Allocates the shared controller states for these settings, or keeps them if the settings are
 * unchanged. The master calls it before it forks workers with these settings. */
void directory_prepare_circuit(const struct config *config);

/* Does not connect: the first request does. `config` must outlive the result. */
struct directory *directory_new(const struct config *config);
void directory_free(struct directory **directory);

/*
 * Finds the object of the class with this name, objectGUID or DN, directly below `parent_dn` or, if
 * that is NULL, anywhere below the base DN. Returns ERR_NOT_FOUND if there is none; ERR_AMBIGUOUS
 * with their DNs as details if there are several; ERR_PARENT_NOT_FOUND if the parent does not
 * exist; ERR_VALIDATION for "parent_dn" if that is outside the base DN.
 */
struct error *directory_find(struct directory *directory, struct arena *arena,
                             const struct directory_class *class, const char *name,
                             const char *parent_dn, struct directory_entry **entry_r) MUST_CHECK;

/* Like directory_find(), for an object to change or delete: leaves the fields of member and
 * memberOf absent, because these attributes may have thousands of values. */
struct error *directory_find_target(struct directory *directory, struct arena *arena,
                                    const struct directory_class *class, const char *name,
                                    const char *parent_dn,
                                    struct directory_entry **entry_r) MUST_CHECK;

/* Reads an object again after a successful change. ERR_RESULT_UNREAD if it cannot be read. */
struct error *directory_read(struct directory *directory, struct arena *arena,
                             const struct directory_class *class,
                             const struct directory_entry *entry,
                             struct directory_entry **entry_r) MUST_CHECK;

/* Creates an empty set of changes. Its strings are not copied: they must outlive it. */
struct directory_changes *directory_changes_new(struct arena *arena);

/* Adds every field that has an attribute and a codec that can write it, and that is not absent. A
 * null value and an empty list clear the attribute. */
void directory_change_fields(struct directory_changes *changes, const struct field *fields,
                             struct value *values);

/* Sets one attribute. */
void directory_change_text(struct directory_changes *changes, const char *attribute,
                           const char *text);

/* Resets the password (unicodePwd, MS-ADTS 3.1.1.3.1.5). Requires an encrypted connection. */
void directory_change_password(struct directory_changes *changes, const char *password);

/* Sets or clears the bits of `mask` in userAccountControl and keeps all others. */
void directory_change_account_control(struct directory_changes *changes, int64_t mask, bool set);

/* Renames the object (NULL keeps its name) and moves it (NULL keeps its parent). */
void directory_change_place(struct directory_changes *changes, const char *name,
                            const char *parent_dn);

/* Creates the entry `name` below `parent_dn` in one operation. Its errors include
 * ERR_ALREADY_EXISTS, whose details name the fields and the objects that have their values,
 * ERR_PARENT_NOT_FOUND, ERR_PASSWORD_POLICY and ERR_PASSWORD_NEEDS_TLS. */
struct error *directory_add(struct directory *directory, struct arena *arena,
                            const struct directory_class *class, const char *name,
                            const char *parent_dn, const struct directory_changes *changes,
                            struct directory_entry **entry_r) MUST_CHECK;

/*
 * Applies all changes to `entry`, or none. Moves the object first, because a move can be rolled
 * back and a new password cannot, then sends all other changes as one modify operation. Before the
 * move it checks that names which must be unique are free and that the object may be moved back: a
 * parent within CN=System is ERR_VALIDATION, missing rights are ERR_DIRECTORY_FORBIDDEN.
 * ERR_PARTIALLY_APPLIED, with the new DN as its detail, if the modify fails and the move cannot be
 * rolled back in spite of these checks. ERR_PROTECTED_OBJECT if the object is protected
 * (protected.c), or if it is moved and an object below it is. `entry_r` is the object after the
 * change. ERR_OVERLOADED if other changes of the object take too long (condition.h).
 */
struct error *directory_update(struct directory *directory, struct arena *arena,
                               const struct directory_class *class,
                               const struct directory_entry *entry,
                               const struct directory_changes *changes,
                               struct directory_entry **entry_r) MUST_CHECK;

/* --- checks for field maps ------------------------------------------------------------------- */

/* Validates a distinguished name (RFC 4514). */
enum fault_id directory_check_dn(const char *text, size_t length);

/* Validates a sAMAccountName (MS-SAMR 3.1.1.6 and 3.1.1.8.4): none of "/\[]:;|=,+*?<>@, no control
 * characters, no dot at the end. */
enum fault_id directory_check_account_name(const char *text, size_t length);

/* Validates the sAMAccountName of a user, which is a login: rejects variants of ASCII too, because
 * other systems can take such a name for that of another user. */
enum fault_id directory_check_user_name(const char *text, size_t length);

/* Validates a userPrincipalName: at most one @, no backslash at the end, no variants of ASCII. */
enum fault_id directory_check_principal_name(const char *text, size_t length);

#endif
