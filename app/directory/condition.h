/*
 * Condition: makes a change of an object depend on the version that it has.
 *
 * The condition is evaluated right before the first write. All changes of an object hold its lock
 * (entry_lock.h), so the processes of this host wait for each other and no change of this host is
 * lost. A change that waits for LDAP_TIMEOUT_MS returns ERR_OVERLOADED.
 *
 * Other hosts and other programs do not wait. If one of them changes an attribute between the
 * condition and the write, about a millisecond, the directory refuses the write, because it deletes
 * the old value explicitly: ERR_PRECONDITION_FAILED. Two gaps remain with Samba: it does not notice
 * a change of case or blanks only, and it ignores the old value of userAccountControl. The bits of
 * userAccountControl that a change has written are verified, and written again if another host has
 * overwritten them. A deletion has no old value to compare, so a change after its condition goes
 * unnoticed.
 */
#ifndef DIRECTORY_CONDITION_H
#define DIRECTORY_CONDITION_H

#include "base/error.h"

struct directory_changes;
struct directory_class;

/* Decides if a change may be made to the current version of an object: NULL if it may. */
typedef struct error *directory_condition(void *context, const char *version);

/* The condition of a deletion or of a change of a membership. */
struct directory_guard {
    const struct directory_class *class;
    directory_condition *condition;
    void *context;
};

/* Sets the condition of changes. */
void directory_change_condition(struct directory_changes *changes, directory_condition *condition,
                                void *context);

#endif
