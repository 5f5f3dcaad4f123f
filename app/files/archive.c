/* See archive.h. Functions that return bool return false if readers could disagree. */
#include "files/archive.h"

#include "base/arena.h"
#include "files/archive_layout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    LOCATOR_SIZE = 20, /* of the zip64 end locator, which stands right before the end record */
    LOCATOR_DISK = 4,
    LOCATOR_OFFSET = 8,
    LOCATOR_DISKS = 16,
    WIDE_END_SIZE = 56, /* of the zip64 end record, which stands right before its locator */
    WIDE_END_LENGTH = 4,
    WIDE_END_HEAD = 12, /* bytes that its length does not count */
    WIDE_END_DISK = 16,
    WIDE_END_DISK_OF_DIRECTORY = 20,
    WIDE_END_COUNT_OF_DISK = 24,
    WIDE_END_COUNT = 32,
    WIDE_END_DIRECTORY_SIZE = 40,
    WIDE_END_DIRECTORY_OFFSET = 48,
    FIELD_HEAD = 4, /* the identifier and length of an extra field */
    FIELD_ZIP64 = 0x0001,
    FIELD_UNICODE_NAME = 0x7075,
    NAME_MAX_SIZE = 0xFFFF,
    EXTRA_MAX_SIZE = 0xFFFF,
    DESCRIPTOR_SIZE = 12, /* of the shortest: without signature and with short sizes */
    DESCRIPTOR_MAX = 24,
};

/* A number that is too large for its field, or left to the zip64 record, is all ones. */
static const int64_t narrow_max = 0xFFFF, wide_max = 0xFFFFFFFF;

static const char locator_mark[] = "PK\006\007", wide_end_mark[] = "PK\006\006",
                  descriptor_mark[] = "PK\007\010";

struct reader {
    struct arena *arena;
    int fd;
    int64_t size;
    struct error *error; /* of the file system */
    char *scratch;       /* for a local header with its name, then for its extra field */
};

/* A piece of bytes that are being read. */
struct piece {
    const char *bytes;
    size_t left;
};

/* The numbers of the end records. */
struct end {
    int64_t count, size, offset; /* of the directory */
    int64_t place;               /* where the first end record begins */
};

struct error *archive_read_at(struct arena *arena, int fd, int64_t offset, size_t length,
                              char *bytes)
{
    for (size_t got = 0; got < length;) {
        ssize_t more = pread(fd, bytes + got, length - got, (off_t)offset + (off_t)got);
        if (more <= 0 && !(more < 0 && errno == EINTR)) {
            return error_new(arena, ERR_INTERNAL, "cannot read a staged file: %s",
                             more ? strerror(errno) : "it is too short");
        }
        got += more > 0 ? (size_t)more : 0;
    }
    return NULL;
}

/* False also if the file does not have so many bytes there. */
static bool read_bytes(struct reader *reader, int64_t offset, size_t length, char *bytes)
{
    if (offset < 0 || (int64_t)length > reader->size || offset > reader->size - (int64_t)length) {
        return false;
    }
    reader->error = archive_read_at(reader->arena, reader->fd, offset, length, bytes);
    return !reader->error;
}

static bool has_mark(const char *bytes, const char *mark)
{
    return !memcmp(bytes, mark, MARK);
}

/* --- end records ----------------------------------------------------------------------------- */

static bool ends_file(const char *tail, size_t length, size_t at)
{
    return at + END_SIZE <= length &&
           at + END_SIZE + archive_u16(tail + at + END_COMMENT) == length;
}

/*
 * Finds the end record that ends the file. Readers that search backwards choose the last signature,
 * and readers that check the length of the comment choose any record that ends the file: both must
 * be this one. Other signatures before it are harmless: a stored part may be an archive itself.
 */
static bool find_end(const char *tail, size_t length, size_t *at_r)
{
    size_t marks = 0, ending = 0;
    bool last_ends = false;
    for (size_t at = 0; at + MARK <= length; at++) {
        if (has_mark(tail + at, ARCHIVE_END)) {
            marks++;
            last_ends = ends_file(tail, length, at);
            ending += last_ends ? 1 : 0;
            *at_r = at;
        }
    }
    return marks && last_ends && ending == 1;
}

/* True if a number of the end record is that of the zip64 end record, or is left to it. */
static bool is_same(int64_t number, int64_t all_ones, int64_t wide)
{
    return number == wide || number == all_ones;
}

/* Reads the zip64 end record, if there is one, which must agree with the end record. */
static bool read_wide_end(struct reader *reader, struct end *end)
{
    char bytes[WIDE_END_SIZE + LOCATOR_SIZE];
    const char *locator = bytes + WIDE_END_SIZE;
    int64_t place = end->place - (int64_t)sizeof bytes;
    if (end->place < LOCATOR_SIZE ||
        !read_bytes(reader, end->place - LOCATOR_SIZE, LOCATOR_SIZE, bytes) ||
        !has_mark(bytes, locator_mark)) {
        return !reader->error;
    }
    if (!read_bytes(reader, place, sizeof bytes, bytes) || !has_mark(bytes, wide_end_mark) ||
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
                is_same(end->count, narrow_max, wide.count) &&
                is_same(end->size, wide_max, wide.size) &&
                is_same(end->offset, wide_max, wide.offset);
    *end = wide;
    return same;
}

static bool read_end(struct reader *reader, struct end *end_r)
{
    int64_t most = END_SIZE + COMMENT_MAX;
    size_t length = (size_t)(reader->size < most ? reader->size : most), at = 0;
    char *tail = arena_alloc(reader->arena, length);
    int64_t begin = reader->size - (int64_t)length;
    if (!read_bytes(reader, begin, length, tail) || !find_end(tail, length, &at)) {
        return false;
    }
    const char *end = tail + at;
    *end_r =
        (struct end){(int64_t)archive_u16(end + END_COUNT), archive_u32(end + END_DIRECTORY_SIZE),
                     archive_u32(end + END_DIRECTORY_OFFSET), begin + (int64_t)at};
    return archive_u16(end + END_COUNT_OF_DISK) == archive_u16(end + END_COUNT) &&
           !archive_u16(end + END_DISK) && !archive_u16(end + END_DISK_OF_DIRECTORY) &&
           read_wide_end(reader, end_r) && end_r->size >= 0 && end_r->size <= DIRECTORY_MAX &&
           end_r->offset >= 0 && end_r->offset == end_r->place - end_r->size;
}

/* --- the directory --------------------------------------------------------------------------- */

/* Finds the zip64 field among extra fields. Two of them, or another name, are ambiguous. */
static bool find_zip64(const char *extra, size_t length, struct piece *zip64_r)
{
    *zip64_r = (struct piece){0};
    while (length >= FIELD_HEAD) {
        size_t kind = archive_u16(extra), whole = FIELD_HEAD + archive_u16(extra + 2);
        if (whole > length || kind == FIELD_UNICODE_NAME ||
            (kind == FIELD_ZIP64 && zip64_r->bytes)) {
            return false;
        }
        if (kind == FIELD_ZIP64) {
            *zip64_r = (struct piece){extra + FIELD_HEAD, whole - FIELD_HEAD};
        }
        extra += whole;
        length -= whole;
    }
    return true;
}

/* Takes a number that is all ones from the zip64 field. */
static bool widen(int64_t *number, struct piece *zip64)
{
    if (*number != wide_max) {
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

static bool is_on_first_disk(size_t disk, struct piece *zip64)
{
    if (disk != (size_t)narrow_max || zip64->left != 4) {
        return disk == 0 && zip64->left == 0;
    }
    return archive_u32(zip64->bytes) == 0;
}

/* Names that readers change: they end at a NUL, turn backslashes, or cut off the first slash. */
static bool is_plain_name(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)name[i] < ' ' || name[i] == '\\') {
            return false;
        }
    }
    return length && name[0] != '/';
}

static bool next_part(struct piece *directory, struct archive_part *part_r)
{
    const char *bytes = directory->bytes;
    struct piece zip64;
    if (directory->left < ENTRY_SIZE || !has_mark(bytes, ARCHIVE_ENTRY)) {
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
    return widen(&part_r->unpacked, &zip64) && widen(&part_r->packed, &zip64) &&
           widen(&part_r->header, &zip64) &&
           is_on_first_disk(archive_u16(bytes + ENTRY_DISK), &zip64);
}

/* Reads as many parts as the end record counts, which must be all of the directory. */
static bool read_directory(struct reader *reader, const struct end *end, struct archive *archive_r)
{
    char *bytes = arena_alloc(reader->arena, (size_t)end->size);
    struct piece directory = {bytes, (size_t)end->size};
    if (end->count < 0 || end->count > end->size / ENTRY_SIZE ||
        !read_bytes(reader, end->offset, (size_t)end->size, bytes)) {
        return false;
    }
    archive_r->parts = arena_array(reader->arena, (size_t)end->count, sizeof(struct archive_part));
    while (archive_r->count < (size_t)end->count) {
        if (!next_part(&directory, &archive_r->parts[archive_r->count++])) {
            return false;
        }
    }
    return !directory.left;
}

static int compare_names(const void *left, const void *right)
{
    const struct archive_part *a = left, *b = right;
    size_t shorter = a->name_length < b->name_length ? a->name_length : b->name_length;
    int order = strncasecmp(a->name, b->name, shorter);
    return order ? order : (a->name_length > b->name_length) - (a->name_length < b->name_length);
}

static int compare_headers(const void *left, const void *right)
{
    const struct archive_part *a = left, *b = right;
    return (a->header > b->header) - (a->header < b->header);
}

static bool has_distinct_names(struct archive *archive)
{
    qsort(archive->parts, archive->count, sizeof *archive->parts, compare_names);
    for (size_t i = 1; i < archive->count; i++) {
        if (!compare_names(&archive->parts[i - 1], &archive->parts[i])) {
            return false;
        }
    }
    return true;
}

/* --- local headers --------------------------------------------------------------------------- */

/* A header that is written before its part is known has zeros, and a data descriptor follows. */
static bool agrees(const struct archive_part *part, int64_t local, int64_t listed)
{
    return local == listed || (!local && part->flags & ARCHIVE_STREAMED);
}

/* Compares the checksum and the sizes. A zip64 field here has both sizes (APPNOTE 4.5.3). */
static bool sizes_agree(const struct archive_part *part, const char *local, struct piece zip64)
{
    int64_t packed = archive_u32(local + LOCAL_PACKED),
            unpacked = archive_u32(local + LOCAL_UNPACKED);
    if (packed == wide_max || unpacked == wide_max) {
        if (zip64.left != 2 * sizeof(int64_t)) {
            return false;
        }
        unpacked = unpacked == wide_max ? archive_u64(zip64.bytes) : unpacked;
        packed = packed == wide_max ? archive_u64(zip64.bytes + sizeof(int64_t)) : packed;
    }
    return agrees(part, archive_u32(local + LOCAL_CRC), part->crc) &&
           agrees(part, packed, part->packed) && agrees(part, unpacked, part->unpacked);
}

/* Finds where the part's bytes begin, behind a local header that says what the directory says. */
static bool read_local(struct reader *reader, struct archive_part *part)
{
    char *local = reader->scratch;
    struct piece zip64;
    if (!read_bytes(reader, part->header, LOCAL_SIZE + part->name_length, local) ||
        !has_mark(local, ARCHIVE_LOCAL) || archive_u16(local + LOCAL_NAME) != part->name_length ||
        memcmp(local + LOCAL_SIZE, part->name, part->name_length) != 0 ||
        archive_u16(local + LOCAL_METHOD) != part->method ||
        (archive_u16(local + LOCAL_FLAGS) ^ part->flags) & (ARCHIVE_ENCRYPTED | ARCHIVE_STREAMED)) {
        return false;
    }
    int64_t behind = part->header + LOCAL_SIZE + (int64_t)part->name_length;
    size_t extra = archive_u16(local + LOCAL_EXTRA);
    char *fields = local + LOCAL_SIZE + part->name_length;
    part->content = behind + (int64_t)extra;
    return (!extra || read_bytes(reader, behind, extra, fields)) &&
           find_zip64(fields, extra, &zip64) && sizes_agree(part, local, zip64);
}

/* The descriptor is a checksum and two sizes, of 4 or 8 bytes, with or without a signature. */
static bool is_descriptor(const struct archive_part *part, const char *bytes, int64_t length)
{
    int64_t mark = length % 8 ? 0 : MARK;
    bool wide = length - mark > DESCRIPTOR_SIZE;
    const char *sizes = bytes + mark + 4;
    if ((mark && !has_mark(bytes, descriptor_mark)) || archive_u32(bytes + mark) != part->crc) {
        return false;
    }
    return wide ? archive_u64(sizes) == part->packed && archive_u64(sizes + 8) == part->unpacked
                : archive_u32(sizes) == part->packed && archive_u32(sizes + 4) == part->unpacked;
}

/* True if the part and its descriptor, if it has one, end where the next header begins. */
static bool reaches(struct reader *reader, const struct archive_part *part, int64_t next)
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
           read_bytes(reader, next - length, (size_t)length, bytes) &&
           is_descriptor(part, bytes, length);
}

static bool fills_file(struct reader *reader, struct archive *archive, int64_t directory)
{
    qsort(archive->parts, archive->count, sizeof *archive->parts, compare_headers);
    for (size_t i = 0; i < archive->count; i++) {
        struct archive_part *part = &archive->parts[i];
        int64_t next = i + 1 < archive->count ? part[1].header : directory;
        if ((!i && part->header) || !read_local(reader, part) || !reaches(reader, part, next)) {
            return false;
        }
    }
    return archive->count;
}

struct error *archive_read(struct arena *arena, int fd, int64_t size, struct archive *archive_r,
                           bool *clear_r)
{
    struct reader reader = {.arena = arena, .fd = fd, .size = size};
    struct end end = {0};
    *archive_r = (struct archive){0};
    reader.scratch = arena_alloc(arena, LOCAL_SIZE + NAME_MAX_SIZE + EXTRA_MAX_SIZE);
    *clear_r = read_end(&reader, &end) && read_directory(&reader, &end, archive_r) &&
               has_distinct_names(archive_r) && fills_file(&reader, archive_r, end.offset);
    return reader.error;
}
