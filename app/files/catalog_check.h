/*
 * Ledger check: holds the files of the database and the objects of the storage against each other, page by
 * page in the order of their keys, while the service runs. What is under way is nobody's fault.
 */
#ifndef FILES_CATALOG_CHECK_H
#define FILES_CATALOG_CHECK_H

#include "files/catalog.h"

struct ledger_faults {
    size_t lost;    /* files whose object is gone */
    size_t damaged; /* files whose object has another size */
    size_t stray;   /* objects without a file */
    size_t whole;   /* files that are as they should be */
};

/*
 * Adds a line for each fault. What is to be repaired: a file that is lost is forgotten, an object that is
 * stray is deleted; one that is damaged stays as it is, for a person to look at. A storage that has not one
 * object of the files is not theirs, and nothing is repaired: ERR_STORAGE_UNAVAILABLE.
 */
struct error *ledger_check(struct store *store, struct objects *objects, bool repair,
                           struct arena *arena, struct buffer *report,
                           struct ledger_faults *faults_r) MUST_CHECK;

#endif
