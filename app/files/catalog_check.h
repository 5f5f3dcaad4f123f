/*
 * The catalog check compares the files of the catalog with the objects of the storage, page by page in
 * the order of their keys, while the service runs. It does not report uploads and deletions that are
 * in progress.
 */
#ifndef FILES_CATALOG_CHECK_H
#define FILES_CATALOG_CHECK_H

#include "files/catalog.h"

struct catalog_faults {
    size_t lost;    /* files whose object is gone */
    size_t damaged; /* files whose object has another size */
    size_t orphans; /* objects without a file */
    size_t whole;   /* files that are as they should be */
};

/*
 * Adds a line to the report for each fault. A repair removes lost files from the catalog and deletes
 * orphans; damaged files are left to the administrator. If the storage has none of the objects, it is
 * probably the wrong storage: nothing is repaired, ERR_STORAGE_UNAVAILABLE.
 */
struct error *catalog_check(struct store *store, struct objects *objects, bool repair,
                            struct arena *arena, struct buffer *report,
                            struct catalog_faults *faults_r) MUST_CHECK;

#endif
