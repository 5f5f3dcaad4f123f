/* SQLite file: the path and the permissions of the database. */
#ifndef STORE_SQLITE_FILE_H
#define STORE_SQLITE_FILE_H

#include "base/error.h"

#include <stdbool.h>

struct arena;
struct buffer;
struct config;

/* Adds a line to `faults` for each fault of DATABASE_URL. False if there is any. */
bool sqlite_check(const struct config *config, struct buffer *faults);

/* The path of DATABASE_URL's file, below STATE_DIR if it is relative. The caller frees it. */
char *sqlite_path(const struct config *config) __attribute__((returns_nonnull));

/* Makes the file, and the folders above it, unless it is there: readable by us alone. SQLite gives
 * the files beside it the same permissions. */
struct error *sqlite_make_file(struct arena *arena, const char *file) MUST_CHECK;

#endif
