/*
 * The catalog check compares the files of the catalog with the objects of the storage, page by page
 * in the order of their keys, while the service runs. It does not report uploads and deletions in
 * progress.
 */
#ifndef FILES_CATALOG_CHECK_H
#define FILES_CATALOG_CHECK_H

#include "files/catalog.h"

struct catalog_faults {
    size_t lost;    /* files without an object */
    size_t damaged; /* files whose object has a different size */
    size_t orphans; /* objects without a file */
    size_t whole;   /* files without a fault */
};

/*
 * Appends a line to the report for each fault. If `repair` is true, deletes lost files from the
 * catalog, and orphans from the storage; damaged files are left to the administrator. Repairs
 * nothing and returns ERR_STORAGE_UNAVAILABLE if the storage has none of the objects: STORAGE_URL
 * probably names the wrong storage.
 */
struct error *catalog_check(struct store *store, struct objects *objects, bool repair,
                            struct arena *arena, struct buffer *report,
                            struct catalog_faults *faults_r) MUST_CHECK;

#endif
