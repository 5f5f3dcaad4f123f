/*
 * See archive.h. Functions that return bool return false if the archive is invalid, or ambiguous
 * (programs that read it could find different parts in it).
 */
#include "files/archive.h"

#include "base/arena.h"
#include "files/archive_layout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    FIELD_HEAD = 4, /* identifier and length of an extra field */
    FIELD_ZIP64 = 0x0001,
    FIELD_UNICODE_NAME = 0x7075,
    NAME_MAX_SIZE = 0xFFFF,
    EXTRA_MAX_SIZE = 0xFFFF,
    DESCRIPTOR_SIZE = 12, /* size of the shortest descriptor: no signature, 32-bit sizes */
    DESCRIPTOR_MAX = 24,
};

/* A 16-bit number with this value refers to a zip64 record, as archive_u32_max. */
static const int64_t u16_max = 0xFFFF;

static const char descriptor_signature[] = "PK\007\010";

struct reader {
    struct arena *arena;
    int fd;
    int64_t size;
    struct error *error; /* failure to read the file */
    char *scratch;       /* holds a local header, its name and its extra field */
};

/* The unparsed rest of a record. */
struct rest {
    const char *bytes;
    size_t left;
};

/* The central directory, as the end records describe it. */
struct end {
    int64_t count, size, offset; /* number of entries, bytes, and offset in the file */
    int64_t place;               /* offset of the first end record */
};

struct error *archive_read_at(struct arena *arena, int fd, int64_t offset, size_t length,
                              char *bytes)
{
    for (size_t got = 0; got < length;) {
        ssize_t more = pread(fd, bytes + got, length - got, (off_t)offset + (off_t)got);
        if (more <= 0 && !(more < 0 && errno == EINTR)) {
            return error_new(arena, ERR_INTERNAL, "staged file: cannot read: %s",
                             more ? strerror(errno) : "unexpected end of file");
        }
        got += more > 0 ? (size_t)more : 0;
    }
    return NULL;
}

/* Returns false as well if the file is too short. */
static bool read_archive_bytes(struct reader *reader, int64_t offset, size_t length, char *bytes)
{
    if (offset < 0 || (int64_t)length > reader->size || offset > reader->size - (int64_t)length) {
        return false;
    }
    reader->error = archive_read_at(reader->arena, reader->fd, offset, length, bytes);
    return !reader->error;
}

static bool has_signature(const char *bytes, const char *mark)
{
    return !memcmp(bytes, mark, MARK);
}

/* --- end records ------------------------------------------------------------------------------ */

/*
 * Finds the end record. Some programs search backwards for the last signature; others choose a
 * record whose comment ends where the file ends. Both kinds of programs must find the same record.
 * Earlier signatures are harmless: a stored part may be an archive itself.
 */
static bool find_end_record(const char *tail, size_t length, size_t *at_r)
{
    size_t marks = 0, ending = 0;
    bool last_ends = false;
    for (size_t at = 0; at + MARK <= length; at++) {
        if (has_signature(tail + at, ARCHIVE_END)) {
            marks++;
            last_ends = at + END_SIZE <= length &&
                        at + END_SIZE + archive_u16(tail + at + END_COMMENT) == length;
            ending += last_ends ? 1 : 0;
            *at_r = at;
        }
    }
    return marks && last_ends && ending == 1;
}

/* True if a number of the end record equals that of the zip64 end record or refers to it, which it
 * does if all its bits are ones. */
static bool matches_zip64(int64_t number, int64_t all_ones, int64_t wide)
{
    return number == wide || number == all_ones;
}

/* Reads the zip64 end record, if it exists. It must agree with the end record. */
static bool read_zip64_end_record(struct reader *reader, struct end *end)
{
    char bytes[WIDE_END_SIZE + LOCATOR_SIZE];
    const char *locator = bytes + WIDE_END_SIZE;
    int64_t place = end->place - (int64_t)sizeof bytes;
    if (end->place < LOCATOR_SIZE ||
        !read_archive_bytes(reader, end->place - LOCATOR_SIZE, LOCATOR_SIZE, bytes) ||
        !has_signature(bytes, ARCHIVE_LOCATOR)) {
        return !reader->error;
    }
    if (!read_archive_bytes(reader, place, sizeof bytes, bytes) ||
        !has_signature(bytes, ARCHIVE_WIDE_END) ||
        archive_u64(bytes + WIDE_END_LENGTH) != WIDE_END_SIZE - WIDE_END_HEAD ||
        archive_u64(locator + LOCATOR_OFFSET) != place || archive_u32(locator + LOCATOR_DISK) ||
        archive_u32(locator + LOCATOR_DISKS) != 1 || archive_u32(bytes + WIDE_END_DISK) ||
        archive_u32(bytes + WIDE_END_DISK_OF_DIRECTORY)) {
        return false;
    }
    struct end wide = {archive_u64(bytes + WIDE_END_COUNT),
                       archive_u64(bytes + WIDE_END_DIRECTORY_SIZE),
                       archive_u64(bytes + WIDE_END_DIRECTORY_OFFSET), place};
    bool same = wide.count == archive_u64(bytes + WIDE_END_COUNT_OF_DISK) &&
                matches_zip64(end->count, u16_max, wide.count) &&
                matches_zip64(end->size, archive_u32_max, wide.size) &&
                matches_zip64(end->offset, archive_u32_max, wide.offset);
    *end = wide;
    return same;
}

static bool read_end_record(struct reader *reader, struct end *end_r)
{
    int64_t most = END_SIZE + COMMENT_MAX;
    size_t length = (size_t)(reader->size < most ? reader->size : most), at = 0;
    char *tail = arena_alloc(reader->arena, length);
    int64_t begin = reader->size - (int64_t)length;
    if (!read_archive_bytes(reader, begin, length, tail) || !find_end_record(tail, length, &at)) {
        return false;
    }
    const char *end = tail + at;
    *end_r =
        (struct end){(int64_t)archive_u16(end + END_COUNT), archive_u32(end + END_DIRECTORY_SIZE),
                     archive_u32(end + END_DIRECTORY_OFFSET), begin + (int64_t)at};
    return archive_u16(end + END_COUNT_OF_DISK) == archive_u16(end + END_COUNT) &&
           !archive_u16(end + END_DISK) && !archive_u16(end + END_DISK_OF_DIRECTORY) &&
           read_zip64_end_record(reader, end_r) && end_r->size >= 0 &&
           end_r->size <= DIRECTORY_MAX && end_r->offset >= 0 &&
           end_r->offset == end_r->place - end_r->size;
}

/* --- central directory ------------------------------------------------------------------------ */

/* Finds the zip64 field among the extra fields. A second one makes the archive ambiguous, and so
 * does a field with another name for the part. */
static bool find_zip64(const char *extra, size_t length, struct rest *zip64_r)
{
    *zip64_r = (struct rest){0};
    while (length >= FIELD_HEAD) {
        size_t kind = archive_u16(extra), whole = FIELD_HEAD + archive_u16(extra + 2);
        if (whole > length || kind == FIELD_UNICODE_NAME ||
            (kind == FIELD_ZIP64 && zip64_r->bytes)) {
            return false;
        }
        if (kind == FIELD_ZIP64) {
            *zip64_r = (struct rest){extra + FIELD_HEAD, whole - FIELD_HEAD};
        }
        extra += whole;
        length -= whole;
    }
    return true;
}

/* If a number of the directory refers to the zip64 field, replaces it by the next number there. */
static bool read_zip64_number(int64_t *number, struct rest *zip64)
{
    if (*number != archive_u32_max) {
        return true;
    }
    if (zip64->left < sizeof *number) {
        return false;
    }
    *number = archive_u64(zip64->bytes);
    zip64->bytes += sizeof *number;
    zip64->left -= sizeof *number;
    return *number >= 0;
}

/* Archives of several disks are not supported. */
static bool is_on_first_disk(size_t disk, struct rest *zip64)
{
    if (disk != (size_t)u16_max || zip64->left != 4) {
        return disk == 0 && zip64->left == 0;
    }
    return archive_u32(zip64->bytes) == 0;
}

/* False for names that programs change: they cut them at a NUL, turn backslashes into slashes, or
 * drop a leading slash. */
static bool is_plain_name(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)name[i] < ' ' || name[i] == '\\') {
            return false;
        }
    }
    return length && name[0] != '/';
}

static bool read_next_part(struct rest *directory, struct archive_part *part_r)
{
    const char *bytes = directory->bytes;
    struct rest zip64;
    if (directory->left < ENTRY_SIZE || !has_signature(bytes, ARCHIVE_ENTRY)) {
        return false;
    }
    size_t name = archive_u16(bytes + ENTRY_NAME), extra = archive_u16(bytes + ENTRY_EXTRA);
    size_t whole = ENTRY_SIZE + name + extra + archive_u16(bytes + ENTRY_COMMENT);
    if (whole > directory->left || !is_plain_name(bytes + ENTRY_SIZE, name) ||
        !find_zip64(bytes + ENTRY_SIZE + name, extra, &zip64)) {
        return false;
    }
    directory->bytes += whole;
    directory->left -= whole;
    *part_r = (struct archive_part){.name = bytes + ENTRY_SIZE,
                                    .name_length = name,
                                    .method = archive_u16(bytes + ENTRY_METHOD),
                                    .flags = archive_u16(bytes + ENTRY_FLAGS),
                                    .crc = archive_u32(bytes + ENTRY_CRC),
                                    .packed = archive_u32(bytes + ENTRY_PACKED),
                                    .unpacked = archive_u32(bytes + ENTRY_UNPACKED),
                                    .header = archive_u32(bytes + ENTRY_OFFSET)};
    return read_zip64_number(&part_r->unpacked, &zip64) &&
           read_zip64_number(&part_r->packed, &zip64) &&
           read_zip64_number(&part_r->header, &zip64) &&
           is_on_first_disk(archive_u16(bytes + ENTRY_DISK), &zip64);
}

/* Reads the number of parts that the end record states. They must fill the directory. */
static bool read_archive_directory(struct reader *reader, const struct end *end,
                                   struct archive *archive_r)
{
    char *bytes = arena_alloc(reader->arena, (size_t)end->size);
    struct rest directory = {bytes, (size_t)end->size};
    if (end->count < 0 || end->count > end->size / ENTRY_SIZE ||
        !read_archive_bytes(reader, end->offset, (size_t)end->size, bytes)) {
        return false;
    }
    archive_r->parts = arena_array(reader->arena, (size_t)end->count, sizeof(struct archive_part));
    while (archive_r->count < (size_t)end->count) {
        if (!read_next_part(&directory, &archive_r->parts[archive_r->count++])) {
            return false;
        }
    }
    return !directory.left;
}

static int compare_part_names(const void *left, const void *right)
{
    const struct archive_part *a = left, *b = right;
    size_t shorter = a->name_length < b->name_length ? a->name_length : b->name_length;
    int order = strncasecmp(a->name, b->name, shorter);
    return order ? order : (a->name_length > b->name_length) - (a->name_length < b->name_length);
}

static int compare_part_offsets(const void *left, const void *right)
{
    const struct archive_part *a = left, *b = right;
    return (a->header > b->header) - (a->header < b->header);
}

static bool has_distinct_names(struct archive *archive)
{
    qsort(archive->parts, archive->count, sizeof *archive->parts, compare_part_names);
    for (size_t i = 1; i < archive->count; i++) {
        if (!compare_part_names(&archive->parts[i - 1], &archive->parts[i])) {
            return false;
        }
    }
    return true;
}

/* --- local headers ---------------------------------------------------------------------------- */

/* True if a number of a local header equals that of the directory. A header that was written before
 * its part has zeros, and a data descriptor follows the part. */
static bool matches_directory(const struct archive_part *part, int64_t local, int64_t listed)
{
    return local == listed || (!local && part->flags & ARCHIVE_STREAMED);
}

/* Compares checksum and sizes with the directory. In a local header, a zip64 field always has both
 * sizes (APPNOTE 4.5.3). */
static bool has_matching_sizes(const struct archive_part *part, const char *local,
                               struct rest zip64)
{
    int64_t packed = archive_u32(local + LOCAL_PACKED),
            unpacked = archive_u32(local + LOCAL_UNPACKED);
    if (packed == archive_u32_max || unpacked == archive_u32_max) {
        if (zip64.left != 2 * sizeof(int64_t)) {
            return false;
        }
        unpacked = unpacked == archive_u32_max ? archive_u64(zip64.bytes) : unpacked;
        packed = packed == archive_u32_max ? archive_u64(zip64.bytes + sizeof(int64_t)) : packed;
    }
    return matches_directory(part, archive_u32(local + LOCAL_CRC), part->crc) &&
           matches_directory(part, packed, part->packed) &&
           matches_directory(part, unpacked, part->unpacked);
}

/* Checks that the local header agrees with the directory, and sets the offset of the part's
 * bytes. */
static bool read_local_header(struct reader *reader, struct archive_part *part)
{
    char *local = reader->scratch;
    struct rest zip64;
    if (!read_archive_bytes(reader, part->header, LOCAL_SIZE + part->name_length, local) ||
        !has_signature(local, ARCHIVE_LOCAL) ||
        archive_u16(local + LOCAL_NAME) != part->name_length ||
        memcmp(local + LOCAL_SIZE, part->name, part->name_length) != 0 ||
        archive_u16(local + LOCAL_METHOD) != part->method ||
        (archive_u16(local + LOCAL_FLAGS) ^ part->flags) & (ARCHIVE_ENCRYPTED | ARCHIVE_STREAMED)) {
        return false;
    }
    int64_t behind = part->header + LOCAL_SIZE + (int64_t)part->name_length;
    size_t extra = archive_u16(local + LOCAL_EXTRA);
    char *fields = local + LOCAL_SIZE + part->name_length;
    part->content = behind + (int64_t)extra;
    return (!extra || read_archive_bytes(reader, behind, extra, fields)) &&
           find_zip64(fields, extra, &zip64) && has_matching_sizes(part, local, zip64);
}

/* True if the bytes are the data descriptor of the part: an optional signature, the checksum, and
 * two sizes of 4 or 8 bytes each. */
static bool is_data_descriptor(const struct archive_part *part, const char *bytes, int64_t length)
{
    int64_t mark = length % 8 ? 0 : MARK;
    bool wide = length - mark > DESCRIPTOR_SIZE;
    const char *sizes = bytes + mark + 4;
    if ((mark && !has_signature(bytes, descriptor_signature)) ||
        archive_u32(bytes + mark) != part->crc) {
        return false;
    }
    return wide ? archive_u64(sizes) == part->packed && archive_u64(sizes + 8) == part->unpacked
                : archive_u32(sizes) == part->packed && archive_u32(sizes + 4) == part->unpacked;
}

/* True if the part and its data descriptor, if it has one, end at the offset of the next header. */
static bool ends_at_next_header(struct reader *reader, const struct archive_part *part,
                                int64_t next)
{
    char bytes[DESCRIPTOR_MAX];
    if (part->content > next || part->packed > next - part->content) {
        return false;
    }
    int64_t length = next - part->content - part->packed;
    if (!(part->flags & ARCHIVE_STREAMED)) {
        return !length;
    }
    return length >= DESCRIPTOR_SIZE && length <= DESCRIPTOR_MAX && length % 4 == 0 &&
           read_archive_bytes(reader, next - length, (size_t)length, bytes) &&
           is_data_descriptor(part, bytes, length);
}

/* True if the parts fill the file from its first byte to the directory. */
static bool parts_fill_file(struct reader *reader, struct archive *archive, int64_t directory)
{
    qsort(archive->parts, archive->count, sizeof *archive->parts, compare_part_offsets);
    for (size_t i = 0; i < archive->count; i++) {
        struct archive_part *part = &archive->parts[i];
        int64_t next = i + 1 < archive->count ? part[1].header : directory;
        if ((!i && part->header) || !read_local_header(reader, part) ||
            !ends_at_next_header(reader, part, next)) {
            return false;
        }
    }
    return archive->count;
}

struct error *archive_read(struct arena *arena, int fd, int64_t size, struct archive *archive_r,
                           bool *unambiguous_r)
{
    struct reader reader = {.arena = arena, .fd = fd, .size = size};
    struct end end = {0};
    *archive_r = (struct archive){0};
    reader.scratch = arena_alloc(arena, LOCAL_SIZE + NAME_MAX_SIZE + EXTRA_MAX_SIZE);
    *unambiguous_r =
        read_end_record(&reader, &end) && read_archive_directory(&reader, &end, archive_r) &&
        has_distinct_names(archive_r) && parts_fill_file(&reader, archive_r, end.offset);
    return reader.error;
}
