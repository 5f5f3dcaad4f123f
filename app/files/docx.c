/* See docx.h. */
#define ZLIB_CONST /* declares zlib's input as const */

#include "files/docx.h"

#include "base/arena.h"
#include "base/size.h"
#include "files/archive.h"
#include "files/archive_layout.h"

#include <expat.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

enum { TYPES_MAX = MIB }; /* size limit of [Content_Types].xml, both compressed and uncompressed */

/* The unread entries of an archive's directory. */
struct directory {
    const char *bytes;
    size_t left;
    bool is_truncated; /* the last entry is incomplete */
};

struct entry {
    const char *bytes, *name;
    size_t name_length;
};

static const char content_types[] = "[Content_Types].xml";

/* Reads exactly `length` bytes into the arena. */
static struct error *read_file_part(struct arena *arena, int fd, int64_t offset, size_t length,
                                    const char **bytes_r)
{
    char *bytes = arena_alloc(arena, length + 1);
    *bytes_r = bytes;
    return archive_read_at(arena, fd, offset, length, bytes);
}

/* Finds the last end record. Returns NULL if there is none. */
static const char *find_last_end_record(const char *tail, size_t length)
{
    for (const char *at = tail + length; at - tail >= END_SIZE; at--) {
        if (!memcmp(at - END_SIZE, ARCHIVE_END, MARK)) {
            return at - END_SIZE;
        }
    }
    return NULL;
}

/* Ignores case, as names of parts do (ECMA-376-2 6.2.2). */
static bool has_prefix(const char *name, size_t length, const char *prefix)
{
    return length >= strlen(prefix) && !strncasecmp(name, prefix, strlen(prefix));
}

/* Returns false at the end of the directory or at an invalid entry. */
static bool read_next_entry(struct directory *directory, struct entry *entry_r)
{
    const char *bytes = directory->bytes;
    if (directory->left < ENTRY_SIZE || memcmp(bytes, ARCHIVE_ENTRY, MARK) != 0) {
        return false;
    }
    size_t name = archive_u16(bytes + ENTRY_NAME);
    size_t length =
        ENTRY_SIZE + name + archive_u16(bytes + ENTRY_EXTRA) + archive_u16(bytes + ENTRY_COMMENT);
    directory->is_truncated = length > directory->left;
    if (directory->is_truncated) {
        return false;
    }
    *entry_r = (struct entry){bytes, bytes + ENTRY_SIZE, name};
    directory->bytes += length;
    directory->left -= length;
    return true;
}

/* Replaces the numbers that the end record at `end_at` leaves to the zip64 end record. Keeps them
 * if there is no such record. */
static struct error *read_zip64_numbers(struct arena *arena, int fd, int64_t end_at, int64_t *size,
                                        int64_t *offset)
{
    const char *locator, *record;
    if (end_at < WIDE_END_SIZE + LOCATOR_SIZE) {
        return NULL;
    }
    struct error *error = read_file_part(arena, fd, end_at - LOCATOR_SIZE, LOCATOR_SIZE, &locator);
    int64_t at = error ? -1 : archive_u64(locator + LOCATOR_OFFSET);
    if (error || memcmp(locator, ARCHIVE_LOCATOR, MARK) != 0 || at < 0 ||
        at > end_at - LOCATOR_SIZE - WIDE_END_SIZE) {
        return error;
    }
    error = read_file_part(arena, fd, at, WIDE_END_SIZE, &record);
    if (error || memcmp(record, ARCHIVE_WIDE_END, MARK) != 0) {
        return error;
    }
    *size = *size == archive_u32_max ? archive_u64(record + WIDE_END_DIRECTORY_SIZE) : *size;
    *offset =
        *offset == archive_u32_max ? archive_u64(record + WIDE_END_DIRECTORY_OFFSET) : *offset;
    return NULL;
}

/* Reads the directory of the archive. The directory is empty if the file is not an archive. */
static struct error *read_docx_directory(struct arena *arena, int fd, int64_t size,
                                         struct directory *directory_r)
{
    const char *head = NULL, *tail = NULL;
    *directory_r = (struct directory){0};
    if (size < END_SIZE) {
        return NULL;
    }
    size_t length = (size_t)(size < END_SIZE + COMMENT_MAX ? size : END_SIZE + COMMENT_MAX);
    struct error *error = read_file_part(arena, fd, 0, MARK, &head);
    if (error || memcmp(head, ARCHIVE_LOCAL, MARK) != 0) {
        return error;
    }
    error = read_file_part(arena, fd, size - (int64_t)length, length, &tail);
    const char *end = error ? NULL : find_last_end_record(tail, length);
    if (!end) {
        return error;
    }
    int64_t bytes = archive_u32(end + END_DIRECTORY_SIZE),
            offset = archive_u32(end + END_DIRECTORY_OFFSET);
    int64_t end_at = size - (int64_t)length + (end - tail);
    if (bytes == archive_u32_max || offset == archive_u32_max) {
        error = read_zip64_numbers(arena, fd, end_at, &bytes, &offset);
    }
    if (error || bytes < 0 || bytes > DIRECTORY_MAX || offset < 0 || offset > size - bytes) {
        return error;
    }
    error = read_file_part(arena, fd, offset, (size_t)bytes, &directory_r->bytes);
    directory_r->left = error ? 0 : (size_t)bytes;
    return error;
}

struct error *docx_check(struct arena *arena, int fd, int64_t size, bool *fits_r)
{
    struct directory directory;
    struct entry entry;
    bool types = false, document = false;
    struct error *error = read_docx_directory(arena, fd, size, &directory);
    while (read_next_entry(&directory, &entry)) {
        types |= has_prefix(entry.name, entry.name_length, content_types);
        document |= has_prefix(entry.name, entry.name_length, "word/document");
    }
    *fits_r = types && document && !directory.is_truncated;
    return error;
}

/* --- macros ----------------------------------------------------------------------------------- */

/* Ignores case, as names of parts and content types do (ECMA-376-2 6.2.2, RFC 2045 5.1). */
static bool contains_word(const char *text, size_t length, const char *word)
{
    size_t word_length = strlen(word);
    for (size_t i = 0; i + word_length <= length; i++) {
        if (!strncasecmp(text + i, word, word_length)) {
            return true;
        }
    }
    return false;
}

static void XMLCALL on_type_element(void *context, const XML_Char *name,
                                    const XML_Char **attributes)
{
    bool *found = context;
    (void)name;
    for (size_t i = 0; attributes[i]; i += 2) {
        size_t length = strlen(attributes[i + 1]);
        *found |= contains_word(attributes[i + 1], length, "vbaproject") ||
                  contains_word(attributes[i + 1], length, "macroenabled");
    }
}

/* Treats a document type as macros: its entities could hide a content type. ECMA-376-2 forbids
 * document types. */
static void XMLCALL on_doctype(void *context, const XML_Char *name, const XML_Char *system,
                               const XML_Char *public, int has_internal_subset)
{
    bool *found = context;
    (void)name, (void)system, (void)public, (void)has_internal_subset;
    *found = true;
}

/* True if the content types declare a VBA project, or are not valid XML. */
static bool types_declare_macros(const char *bytes, size_t length)
{
    bool found = false;
    XML_Parser parser = XML_ParserCreate(NULL);
    if (!parser) {
        return true;
    }
    XML_SetUserData(parser, &found);
    XML_SetStartElementHandler(parser, on_type_element);
    XML_SetStartDoctypeDeclHandler(parser, on_doctype);
    bool complete = XML_Parse(parser, bytes, (int)length, 1) == XML_STATUS_OK;
    XML_ParserFree(parser);
    return found || !complete;
}

/* Returns false unless the part is one deflate stream with the size that the archive states. */
static bool inflate_content_types(struct arena *arena, const struct archive_part *part,
                                  const char *packed, const char **bytes_r)
{
    z_stream stream = {.next_in = (const unsigned char *)packed, .avail_in = (uInt)part->packed};
    char *bytes = arena_alloc(arena, (size_t)part->unpacked);
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) {
        return false;
    }
    stream.next_out = (unsigned char *)bytes;
    stream.avail_out = (uInt)part->unpacked;
    bool complete = inflate(&stream, Z_FINISH) == Z_STREAM_END && !stream.avail_in &&
                    stream.total_out == (size_t)part->unpacked;
    *bytes_r = bytes;
    inflateEnd(&stream);
    return complete;
}

/* Returns the uncompressed content types; NULL if their size or checksum is wrong: another program
 * could read other content types then. */
static const char *unpack_content_types(struct arena *arena, const struct archive_part *part,
                                        const char *packed)
{
    const char *bytes = packed;
    bool complete = part->method == ARCHIVE_STORED ? part->packed == part->unpacked
                    : part->method == ARCHIVE_DEFLATED
                        ? inflate_content_types(arena, part, packed, &bytes)
                        : false;
    return complete && crc32_z(0, (const unsigned char *)bytes, (size_t)part->unpacked) ==
                           (uLong)part->crc
               ? bytes
               : NULL;
}

static struct error *check_content_types(struct arena *arena, int fd,
                                         const struct archive_part *part, bool *found_r)
{
    const char *packed;
    *found_r = true;
    if (part->name_length != strlen(content_types) || part->flags & ARCHIVE_ENCRYPTED ||
        part->packed > TYPES_MAX || part->unpacked > TYPES_MAX) {
        return NULL; /* a longer name may denote a piece of the part: ECMA-376-2 6.2.4 */
    }
    struct error *error = read_file_part(arena, fd, part->content, (size_t)part->packed, &packed);
    const char *bytes = error ? NULL : unpack_content_types(arena, part, packed);
    *found_r = !bytes || types_declare_macros(bytes, (size_t)part->unpacked);
    return error;
}

struct error *docx_has_macros(struct arena *arena, int fd, int64_t size, bool *found_r)
{
    struct archive archive = {0};
    char head[MARK];
    bool unambiguous = false, types = false;
    *found_r = false;
    if (size < END_SIZE) {
        return NULL;
    }
    struct error *error = archive_read_at(arena, fd, 0, sizeof head, head);
    if (error || memcmp(head, ARCHIVE_LOCAL, MARK) != 0) {
        return error; /* not an archive: docx_check() rejects it */
    }
    error = archive_read(arena, fd, size, &archive, &unambiguous);
    *found_r = !unambiguous;
    for (size_t i = 0; i < archive.count && !error && !*found_r; i++) {
        const struct archive_part *part = &archive.parts[i];
        *found_r = contains_word(part->name, part->name_length, "vbaproject") ||
                   contains_word(part->name, part->name_length, "vbadata");
        if (!*found_r && contains_word(part->name, part->name_length, content_types)) {
            types = true;
            error = check_content_types(arena, fd, part, found_r);
        }
    }
    *found_r |= !types;
    return error;
}
