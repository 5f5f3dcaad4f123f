/* File: folders that lead to a file, and files that are only appended to. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Makes the folders that lead to `path`, those that are missing with `mode`. What cannot be made
 * shows when the file is opened. */
void file_make_parents(const char *path, mode_t mode);

/* Opens for appending; a file that is not there is made with mode 0640, its folders with 0750.
 * Returns the descriptor, or -1 with errno set. */
int file_open_append(const char *path) MUST_CHECK;

/* Writes all of it: one write(2), and further ones only for what that left over. Returns the number
 * of bytes that were written; less than `length` is a failure with errno set. */
size_t file_write(int fd, const char *bytes, size_t length);

/* Puts a file of these bytes in the place of `path`, all at once: whoever reads it sees the old one or
 * the new one. Folders that are missing are made as open as the file. One that has the same bytes is
 * left as it is. False with errno set, and then what was there is still there. */
bool file_replace(const char *path, const char *bytes, size_t length, mode_t mode) MUST_CHECK;

#endif
