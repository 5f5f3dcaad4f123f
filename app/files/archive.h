/*
 * Archive: reads a ZIP archive (APPNOTE 6.3), but only if all programs find the same parts in it.
 * Programs differ in the end record that they choose, in the records that they trust (zip64
 * records, the central directory, the local headers), and in the part that they open if two have
 * one name. An archive in which these disagree can show one document to a check and another one to
 * the program that opens it.
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

/* An entry of the archive. Office documents call it a part (ECMA-376). */
struct archive_part {
    const char *name;
    size_t name_length;
    size_t method, flags;
    int64_t crc, packed, unpacked; /* checksum, compressed and uncompressed size */
    int64_t header;                /* offset of the local header */
    int64_t content;               /* offset of the compressed bytes */
};

struct archive {
    struct archive_part *parts; /* parts in the order of their offsets */
    size_t count;
};

/*
 * Reads the directory of an open file of `size` bytes. Sets *unambiguous_r to true only if the file
 * is an archive, and:
 *
 * - the end record ends the file, no program could choose another end record, and it describes the
 *   same directory as the zip64 end record, if any; the directory directly precedes these records;
 * - each local header and data descriptor agrees with the directory, and headers and parts fill the
 *   file from its first byte to the directory, without gaps and overlaps;
 * - names differ even if case is ignored, and no extra field gives a part another name.
 */
struct error *archive_read(struct arena *arena, int fd, int64_t size, struct archive *archive_r,
                           bool *unambiguous_r) MUST_CHECK;

/* Reads exactly `length` bytes. ERR_INTERNAL if the file is too short. */
struct error *archive_read_at(struct arena *arena, int fd, int64_t offset, size_t length,
                              char *bytes) MUST_CHECK;

#endif
