/*
 * Precheck: checks that changes of an entry are possible, before the first of several changes is
 * made. A call that makes several changes uses it to refuse all of them instead of making a part.
 * The changes themselves are checked again.
 */
#ifndef DIRECTORY_PRECHECK_H
#define DIRECTORY_PRECHECK_H

#include "base/error.h"

#include <stdbool.h>

struct arena;
struct directory;
struct directory_changes;
struct directory_class;
struct directory_entry;

/* Checks the rights of the caller and of the service account for changes of attributes, and that
 * the entry is not protected. Its errors are those of directory_update(). */
struct error *directory_precheck_update(struct directory *directory, struct arena *arena,
                                        const struct directory_class *class,
                                        const struct directory_entry *entry,
                                        const struct directory_changes *changes) MUST_CHECK;

/* Checks the same for a move to a parent that a client sent in `field`, and that the new DN is
 * free. No-op if the parent is NULL. */
struct error *directory_precheck_move(struct directory *directory, struct arena *arena,
                                      const struct directory_class *class,
                                      const struct directory_entry *entry, const char *parent_dn,
                                      const char *field) MUST_CHECK;

/* An attribute of an entry. */
struct directory_precheck_attribute {
    bool exists; /* the schema permits the attribute */
    bool is_true;
};

/* Finds out whether an entry can have an attribute, and whether its value is TRUE. */
struct error *directory_precheck_truth(struct directory *directory, struct arena *arena,
                                       const struct directory_entry *entry, const char *attribute,
                                       struct directory_precheck_attribute *found_r) MUST_CHECK;

#endif
