/*
 * The scope of a file: the organization or the principal that owns it. A caller can only find files
 * of its own scope. The administrator can find all files.
 */
#ifndef FILES_SCOPE_H
#define FILES_SCOPE_H

#include "files/catalog.h"
#include "http/request.h"

/* Returns the scope of the files that the caller uploads: its organization, or itself. */
const char *file_scope_of(const struct request *request) __attribute__((returns_nonnull));

/* True if the caller may access the files of all scopes. */
bool file_scope_is_all(const struct request *request);

/* Finds a file by its name. ERR_FILE_NOT_FOUND if it does not exist or the caller may not access
 * it. */
struct error *file_scope_find(const struct request *request, const char *name,
                              struct catalog_file *file_r) MUST_CHECK;

#endif
