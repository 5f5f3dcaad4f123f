/* SQLite file: the path and the permissions of the database file. */
#ifndef STORE_SQLITE_FILE_H
#define STORE_SQLITE_FILE_H

#include "base/error.h"

#include <stdbool.h>

struct arena;
struct buffer;
struct config;

/* Appends a line to `faults` for each error in DATABASE_URL. Returns false if there is any error.
 */
bool sqlite_file_check(const struct config *config, struct buffer *faults);

/* Returns the path of the file of DATABASE_URL; a relative one is below STATE_DIR. The caller
 * frees it. */
char *sqlite_file_path(const struct config *config) __attribute__((returns_nonnull));

/* Creates the file and its parent directories if they do not exist, accessible to this user only.
 * SQLite gives its -wal and -shm files the same permissions. */
struct error *sqlite_file_create(struct arena *arena, const char *file) MUST_CHECK;

#endif
