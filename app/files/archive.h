/*
 * Archive: reads a ZIP archive only if every reader sees the same parts in it (APPNOTE 6.3).
 * Readers differ in the end record that they choose, in whether they believe zip64 records, the
 * directory or the headers before the parts, and in which of two parts of one name they open. An
 * archive in which any of these disagree can show one document to a check and another to the
 * program that opens it.
 */
#ifndef FILES_ARCHIVE_H
#define FILES_ARCHIVE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

enum archive_method { ARCHIVE_STORED = 0, ARCHIVE_DEFLATED = 8 };
enum archive_flag { ARCHIVE_ENCRYPTED = 1, ARCHIVE_STREAMED = 8 };

struct archive_part {
    const char *name;
    size_t name_length;
    size_t method, flags;
    int64_t crc, packed, unpacked; /* the checksum of the part, and its sizes */
    int64_t header;                /* where its local header begins */
    int64_t content;               /* where its packed bytes begin */
};

struct archive {
    struct archive_part *parts; /* in the order of their bytes in the file */
    size_t count;
};

/*
 * Reads the directory of an open file of `size` bytes. *clear_r is false if the file is no archive
 * or if readers could disagree about it. If it is true:
 *
 * - the end record ends the file, no other could be chosen, and its numbers and those of a zip64
 *   end record describe the same directory, which ends where the end records begin;
 * - each part's local header and data descriptor agree with the directory, and headers and parts
 *   fill the file up to the directory without gaps and overlaps, from its first byte;
 * - no two names are equal without case, and no extra field gives a part another name.
 */
struct error *archive_read(struct arena *arena, int fd, int64_t size, struct archive *archive_r,
                           bool *clear_r) MUST_CHECK;

/* Reads `length` bytes, all of which the file must have. */
struct error *archive_read_at(struct arena *arena, int fd, int64_t offset, size_t length,
                              char *bytes) MUST_CHECK;

#endif
