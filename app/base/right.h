/*
 * Right: an action on entries of the directory that a delegation permits to its principal. The
 * directory evaluates rights (directory/caller.h); the rows of routes name them.
 */
#ifndef BASE_RIGHT_H
#define BASE_RIGHT_H

#include "base/field.h"

enum right {
    RIGHT_READ, /* every other right includes it */
    RIGHT_UNLOCK,
    RIGHT_RESET_PASSWORD,
    RIGHT_ENABLE, /* enable and disable */
    RIGHT_UPDATE, /* change attributes, also rename; may be limited to some fields */
    RIGHT_CREATE,
    RIGHT_DELETE,
    RIGHT_MOVE,
    RIGHT_MEMBERS, /* add and remove members of groups */
    RIGHT_COUNT
};

/* Sets of rights are bits. */
#define RIGHT_BIT(right) (1U << (right))
#define RIGHT_ALL (RIGHT_BIT(RIGHT_COUNT) - 1)

/* Names as clients write them; the choices of field maps, with NULL at the end. */
extern const char *const right_names[RIGHT_COUNT + 1];

/* Documentation of each right. */
extern const struct text right_descriptions[RIGHT_COUNT];

#endif
