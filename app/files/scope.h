/*
 * The scope of files: the organization or the principal that a file belongs to. A caller finds the
 * files of its own scope only; to it, other files do not exist. The administrator finds all files.
 */
#ifndef FILES_SCOPE_H
#define FILES_SCOPE_H

#include "files/catalog.h"
#include "http/request.h"

/* Returns the scope of the files that the caller uploads: its organization, or itself. */
const char *file_scope_of(const struct request *request) __attribute__((returns_nonnull));

/* True if the caller sees the files of all scopes. */
bool file_scope_is_all(const struct request *request);

/* Finds the file of that name among those that the caller may see. ERR_FILE_NOT_FOUND. */
struct error *file_scope_find(const struct request *request, const char *name,
                              struct catalog_file *file_r) MUST_CHECK;

#endif
