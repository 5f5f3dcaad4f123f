/*
 * LDIF: writes changes of directory entries as change records (RFC 2849), which ldapmodify applies.
 *
 * Values that the RFC does not allow as text are written in base64, and lines are folded at 76
 * columns. The value of a secret attribute is never written: a comment takes its place. A record
 * that changes secret attributes only is written as comments, because there is nothing to apply.
 */
#ifndef DIRECTORY_LDIF_H
#define DIRECTORY_LDIF_H

#include <stdbool.h>
#include <stddef.h>

struct buffer;

struct ldif_value {
    const char *bytes;
    size_t length;
};

/* The kinds of modifications of a modify operation (RFC 4511 4.6). */
enum ldif_modification_kind {
    LDIF_ADD_VALUES,
    LDIF_DELETE_VALUES, /* all values if there are none in the modification */
    LDIF_REPLACE_VALUES,
};

/* One modification; in a record that adds an entry, one attribute of it. */
struct ldif_modification {
    struct ldif_modification *next;
    enum ldif_modification_kind kind;
    const char *attribute;
    const struct ldif_value *values;
    size_t count;
    bool secret; /* the values are not written; they may be missing */
};

enum ldif_change { LDIF_ADD, LDIF_MODIFY, LDIF_RENAME, LDIF_DELETE };

/* One change record. */
struct ldif_record {
    struct ldif_record *next;
    enum ldif_change change;
    const char *dn;
    struct ldif_modification *modifications; /* of LDIF_ADD and LDIF_MODIFY */
    const char *rdn,
        *parent; /* of LDIF_RENAME: the new RDN, and the DN of the new parent; NULL: the
                                 parent is unchanged */
};

/* Appends the records. Begins with the line "version: 1" if the buffer is empty, so that several
 * lists can be written into one file. */
void ldif_write(struct buffer *out, const struct ldif_record *records);

#endif
