/*
 * Restoration: the values of a deleted entry before its deletion (its image), what a restore writes
 * back of them, and what it has restored and lost.
 *
 * An image has the values of the fields in replies, as the audit records them. Without an image
 * nobody knows which of the values that the directory does not keep existed, so all of them count
 * as lost.
 */
#ifndef REST_RESTORATION_H
#define REST_RESTORATION_H

#include "base/error.h"
#include "base/field.h"
#include "directory/deleted.h"
#include "directory/directory.h"
#include "http/changeset.h"

#include <stdbool.h>

struct arena;
struct request;

/* Finds the restore of an existing entry that has ended before its last step, because the worker
 * was killed or the directory failed. Sets restoration->continues and
 * ->was_changed, and the time of the deletion in `entry`, for the image. No-op if there is none. */
struct error *restoration_find_unfinished(const struct request *request,
                                          struct directory_deleted *entry,
                                          struct directory_restoration *restoration) MUST_CHECK;

/* Reads the image of a deleted entry from the audit row of its deletion. *image_r is parallel to
 * the fields of the class, and NULL if there is no row: the entry was deleted with other tools or
 * with an entry above it, or the row is erased. If the entry exists, `deleted` is the result of
 * restoration_find_unfinished(). */
struct error *restoration_read_image(const struct request *request,
                                     const struct directory_class *class,
                                     const struct directory_deleted *deleted,
                                     struct value **image_r) MUST_CHECK;

/* Returns the image that the recorded changes of a deletion contain. */
struct value *restoration_recorded_image(struct arena *arena, const struct directory_class *class,
                                         const char *guid, const struct changeset *changes)
    __attribute__((returns_nonnull));

/* Adds the values of the image to the changes of the restoration, and its groups and members to the
 * lists. `image` is parallel to restoration->class->fields; NULL: no image. Values that refer to
 * other entries which do not exist any more are left out. */
struct error *restoration_fill(struct directory *directory, struct arena *arena,
                               const struct value *image,
                               struct directory_restoration *restoration) MUST_CHECK;

/* The names of fields. */
struct restoration_report {
    struct field_strings restored, lost;
};

/* Compares the restored entry with its image (NULL: none). The fields are those that clients can
 * write, and the memberships. For an account, `password` is restored only by the Recycle Bin. */
struct restoration_report restoration_compare(struct arena *arena,
                                              const struct directory_class *class,
                                              const struct value *image,
                                              const struct directory_restored *restored,
                                              bool is_account);

#endif
