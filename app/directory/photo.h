/* Photo: reads and writes the photo of a user. */
#ifndef DIRECTORY_PHOTO_H
#define DIRECTORY_PHOTO_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct directory;

enum { DIRECTORY_PHOTO_MAX = 100 * 1024 }; /* bytes; rangeUpper of thumbnailPhoto */

/* The photo of one user, as it was read. */
struct directory_photo {
    const char *dn, *guid, *name; /* of the user; the name is the sAMAccountName */
    const char *bytes;            /* NULL: the user has no photo */
    size_t length;
};

/* Finds a user and reads the photo. Its errors are those of directory_find(). */
struct error *directory_photo_read(struct directory *directory, struct arena *arena,
                                   const char *user, const char *parent_dn,
                                   struct directory_photo *photo_r) MUST_CHECK;

/*
 * Replaces the photo; NULL removes it. With `exact`, only if it is still the photo that was read:
 * ERR_PRECONDITION_FAILED if another client has changed it. ERR_PROTECTED_OBJECT if the user is
 * protected; ERR_NOT_FOUND if there is no photo to remove.
 */
struct error *directory_photo_write(struct directory *directory, struct arena *arena,
                                    const struct directory_photo *photo, const char *bytes,
                                    size_t length, bool exact) MUST_CHECK;

#endif
