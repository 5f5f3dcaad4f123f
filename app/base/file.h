/* File: creates parent directories, appends to files and replaces files atomically. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Creates the missing parent directories of `path` with `mode`. Does not report errors: opening the
 * file fails if a directory is missing. */
void file_make_parents(const char *path, mode_t mode);

/* Opens a file for appending. Creates it with mode 0640 if missing, and its parent directories with
 * mode 0750. Returns the descriptor, or -1 with errno set. */
int file_open_append(const char *path) MUST_CHECK;

/* Writes all bytes, with one write(2) unless it writes only a part. Returns the number of bytes
 * that were written; if it is less than `length`, errno is set. */
size_t file_write(int fd, const char *bytes, size_t length);

/* Replaces the content of the file atomically: readers see either the old or the new content. Does
 * nothing if the file already has this content. Creates missing parent directories with permissions
 * that match `mode`. Returns false with errno set on failure; the old file is then unchanged. */
bool file_replace(const char *path, const char *bytes, size_t length, mode_t mode) MUST_CHECK;

#endif
