/* Tree: reads one level of the tree of organizational units and containers. */
#ifndef DIRECTORY_TREE_H
#define DIRECTORY_TREE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct directory;

/* The kinds of objects that are counted. */
enum directory_counted {
    DIRECTORY_COUNTED_OUS,
    DIRECTORY_COUNTED_USERS,
    DIRECTORY_COUNTED_GROUPS,
    DIRECTORY_COUNTED_COMPUTERS,
    DIRECTORY_COUNTED_KINDS
};

/* An object that holds other objects. */
struct directory_place {
    const char *dn, *guid;
    const char *name; /* value of its RDN */
    const char *kind; /* "domain", "ou" or "container" */
    /* the objects directly below; not counted for the parent of directory_read_tree() */
    int64_t counts[DIRECTORY_COUNTED_KINDS];
    bool has_children; /* there are units or containers directly below */
};

/*
 * Reads the place at `parent_dn`, or at the base DN if that is NULL, and all units and containers
 * directly below it, sorted by name. Omits CN=System, which belongs to the directory itself. If
 * `counts`, counts the objects in all of them by one search for each kind, however many there are;
 * otherwise counts only units. ERR_PARENT_NOT_FOUND if there is no place with this DN;
 * ERR_VALIDATION for "parent_dn" if it is outside of the base DN or within CN=System.
 *
 * For a caller that does not see the base DN (caller.h), the level below the base DN consists of
 * the places that the caller sees.
 */
struct error *directory_read_tree(struct directory *directory, struct arena *arena,
                                  const char *parent_dn, bool counts,
                                  struct directory_place *parent_r,
                                  struct directory_place **children_r, size_t *count_r) MUST_CHECK;

#endif
