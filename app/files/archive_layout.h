/* The layout of ZIP archives (APPNOTE 6.3): sizes of records, and the offsets of their fields. */
#ifndef FILES_ARCHIVE_LAYOUT_H
#define FILES_ARCHIVE_LAYOUT_H

#include "base/size.h"

#include <stddef.h>
#include <stdint.h>

#define ARCHIVE_LOCAL "PK\003\004"
#define ARCHIVE_ENTRY "PK\001\002"
#define ARCHIVE_END "PK\005\006"
#define ARCHIVE_LOCATOR "PK\006\007"
#define ARCHIVE_WIDE_END "PK\006\006"

enum {
    MARK = 4, /* bytes of a record's signature */

    END_SIZE = 22, /* size of the end record, without its comment */
    END_DISK = 4,
    END_DISK_OF_DIRECTORY = 6,
    END_COUNT_OF_DISK = 8,
    END_COUNT = 10,
    END_DIRECTORY_SIZE = 12,
    END_DIRECTORY_OFFSET = 16,
    END_COMMENT = 20,
    COMMENT_MAX = 0xFFFF,

    LOCATOR_SIZE = 20, /* of the zip64 end locator, which directly precedes the end record */
    LOCATOR_DISK = 4,
    LOCATOR_OFFSET = 8,
    LOCATOR_DISKS = 16,
    WIDE_END_SIZE = 56, /* of the zip64 end record */
    WIDE_END_LENGTH = 4,
    WIDE_END_HEAD = 12, /* bytes that its length field does not count */
    WIDE_END_DISK = 16,
    WIDE_END_DISK_OF_DIRECTORY = 20,
    WIDE_END_COUNT_OF_DISK = 24,
    WIDE_END_COUNT = 32,
    WIDE_END_DIRECTORY_SIZE = 40,
    WIDE_END_DIRECTORY_OFFSET = 48,

    DIRECTORY_MAX = 4 * MIB, /* size limit of a directory */

    ENTRY_SIZE = 46, /* size of a directory entry, without its name, extra field and comment */
    ENTRY_FLAGS = 8,
    ENTRY_METHOD = 10,
    ENTRY_CRC = 16,
    ENTRY_PACKED = 20,
    ENTRY_UNPACKED = 24,
    ENTRY_NAME = 28,
    ENTRY_EXTRA = 30,
    ENTRY_COMMENT = 32,
    ENTRY_DISK = 34,
    ENTRY_OFFSET = 42,

    LOCAL_SIZE = 30, /* size of a local header, without its name and extra field */
    LOCAL_FLAGS = 6,
    LOCAL_METHOD = 8,
    LOCAL_CRC = 14,
    LOCAL_PACKED = 18,
    LOCAL_UNPACKED = 22,
    LOCAL_NAME = 26,
    LOCAL_EXTRA = 28,
};

/* A 32-bit number with this value refers to a zip64 record, which has the number. */
static const int64_t archive_u32_max = 0xFFFFFFFF;

/* Decode little-endian integers. */
static inline size_t archive_u16(const char *bytes)
{
    return (size_t)(unsigned char)bytes[0] | (size_t)(unsigned char)bytes[1] << 8;
}

static inline int64_t archive_u32(const char *bytes)
{
    return (int64_t)(archive_u16(bytes) | archive_u16(bytes + 2) << 16);
}

/* Negative if the highest bit is set: callers reject such sizes and offsets. */
static inline int64_t archive_u64(const char *bytes)
{
    return (int64_t)((uint64_t)archive_u32(bytes) | (uint64_t)archive_u32(bytes + 4) << 32);
}

#endif
