/* See docx.h. */
#define ZLIB_CONST /* zlib then promises not to change its input */

#include "files/docx.h"

#include "base/arena.h"
#include "base/size.h"
#include "files/archive.h"
#include "files/archive_layout.h"

#include <expat.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

enum { TYPES_MAX = MIB }; /* bytes of [Content_Types].xml, packed and unpacked */

/* The directory of an archive, and its next entry. */
struct directory {
    const char *bytes;
    size_t left;
    bool cut; /* the last entry is not whole */
};

struct entry {
    const char *bytes, *name;
    size_t name_length;
};

static const char content_types[] = "[Content_Types].xml";

/* Bytes of the file, all of which are there. */
static struct error *read_at(struct arena *arena, int fd, int64_t offset, size_t length,
                             const char **bytes_r)
{
    char *bytes = arena_alloc(arena, length + 1);
    *bytes_r = bytes;
    return archive_read_at(arena, fd, offset, length, bytes);
}

/* The last end record; NULL if there is none. */
static const char *find_end(const char *tail, size_t length)
{
    for (const char *at = tail + length; at - tail >= END_SIZE; at--) {
        if (!memcmp(at - END_SIZE, ARCHIVE_END, MARK)) {
            return at - END_SIZE;
        }
    }
    return NULL;
}

static bool begins_with(const char *name, size_t length, const char *prefix)
{
    return length >= strlen(prefix) && !memcmp(name, prefix, strlen(prefix));
}

/* True if there is another whole entry. */
static bool next_entry(struct directory *directory, struct entry *entry_r)
{
    const char *bytes = directory->bytes;
    if (directory->left < ENTRY_SIZE || memcmp(bytes, ARCHIVE_ENTRY, MARK) != 0) {
        return false;
    }
    size_t name = archive_u16(bytes + ENTRY_NAME);
    size_t whole =
        ENTRY_SIZE + name + archive_u16(bytes + ENTRY_EXTRA) + archive_u16(bytes + ENTRY_COMMENT);
    directory->cut = whole > directory->left;
    if (directory->cut) {
        return false;
    }
    *entry_r = (struct entry){bytes, bytes + ENTRY_SIZE, name};
    directory->bytes += whole;
    directory->left -= whole;
    return true;
}

/* Reads the directory of an archive, with no bytes if the file is no archive. */
static struct error *read_directory(struct arena *arena, int fd, int64_t size,
                                    struct directory *directory_r)
{
    const char *head = NULL, *tail = NULL;
    *directory_r = (struct directory){0};
    if (size < END_SIZE) {
        return NULL;
    }
    size_t length = (size_t)(size < END_SIZE + COMMENT_MAX ? size : END_SIZE + COMMENT_MAX);
    struct error *error = read_at(arena, fd, 0, MARK, &head);
    if (error || memcmp(head, ARCHIVE_LOCAL, MARK) != 0) {
        return error;
    }
    error = read_at(arena, fd, size - (int64_t)length, length, &tail);
    const char *end = error ? NULL : find_end(tail, length);
    if (!end) {
        return error;
    }
    int64_t bytes = archive_u32(end + END_DIRECTORY_SIZE),
            offset = archive_u32(end + END_DIRECTORY_OFFSET);
    if (bytes > DIRECTORY_MAX || offset + bytes > size) {
        return NULL;
    }
    error = read_at(arena, fd, offset, (size_t)bytes, &directory_r->bytes);
    directory_r->left = error ? 0 : (size_t)bytes;
    return error;
}

struct error *docx_check(struct arena *arena, int fd, int64_t size, bool *fits_r)
{
    struct directory directory;
    struct entry entry;
    bool types = false, document = false;
    struct error *error = read_directory(arena, fd, size, &directory);
    while (next_entry(&directory, &entry)) {
        types |= begins_with(entry.name, entry.name_length, content_types);
        document |= begins_with(entry.name, entry.name_length, "word/document");
    }
    *fits_r = types && document && !directory.cut;
    return error;
}

/* --- macros ---------------------------------------------------------------------------------- */

/* Names of parts and content types compare without case (ECMA-376-2 6.2.2, RFC 2045 5.1). */
static bool mentions(const char *text, size_t length, const char *word)
{
    size_t word_length = strlen(word);
    for (size_t i = 0; i + word_length <= length; i++) {
        if (!strncasecmp(text + i, word, word_length)) {
            return true;
        }
    }
    return false;
}

static void XMLCALL look_at_type(void *context, const XML_Char *name, const XML_Char **attributes)
{
    bool *found = context;
    (void)name;
    for (size_t i = 0; attributes[i]; i += 2) {
        size_t length = strlen(attributes[i + 1]);
        *found |= mentions(attributes[i + 1], length, "vbaproject") ||
                  mentions(attributes[i + 1], length, "macroenabled");
    }
}

/* ECMA-376-2 forbids document types: they can take entities from files that are not read here. */
static void XMLCALL refuse_doctype(void *context, const XML_Char *name, const XML_Char *system,
                                   const XML_Char *public, int has_internal_subset)
{
    bool *found = context;
    (void)name, (void)system, (void)public, (void)has_internal_subset;
    *found = true;
}

/* Content types are XML, in any encoding that it may have. What is none counts as macros. */
static bool types_have_macros(const char *bytes, size_t length)
{
    bool found = false;
    XML_Parser parser = XML_ParserCreate(NULL);
    if (!parser) {
        return true;
    }
    XML_SetUserData(parser, &found);
    XML_SetStartElementHandler(parser, look_at_type);
    XML_SetStartDoctypeDeclHandler(parser, refuse_doctype);
    bool whole = XML_Parse(parser, bytes, (int)length, 1) == XML_STATUS_OK;
    XML_ParserFree(parser);
    return found || !whole;
}

/* False unless the part is one whole deflated stream of the size that the archive states. */
static bool inflate_types(struct arena *arena, const struct archive_part *part, const char *packed,
                          const char **bytes_r)
{
    z_stream stream = {.next_in = (const unsigned char *)packed, .avail_in = (uInt)part->packed};
    char *bytes = arena_alloc(arena, (size_t)part->unpacked);
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) {
        return false;
    }
    stream.next_out = (unsigned char *)bytes;
    stream.avail_out = (uInt)part->unpacked;
    bool whole = inflate(&stream, Z_FINISH) == Z_STREAM_END && !stream.avail_in &&
                 stream.total_out == (size_t)part->unpacked;
    *bytes_r = bytes;
    inflateEnd(&stream);
    return whole;
}

/* The content types, unpacked; NULL if another reader could unpack something else. */
static const char *unpack_types(struct arena *arena, const struct archive_part *part,
                                const char *packed)
{
    const char *bytes = packed;
    bool whole = part->method == ARCHIVE_STORED     ? part->packed == part->unpacked
                 : part->method == ARCHIVE_DEFLATED ? inflate_types(arena, part, packed, &bytes)
                                                    : false;
    return whole && crc32_z(0, (const unsigned char *)bytes, (size_t)part->unpacked) ==
                        (uLong)part->crc
               ? bytes
               : NULL;
}

static struct error *check_types(struct arena *arena, int fd, const struct archive_part *part,
                                 bool *found_r)
{
    const char *packed;
    *found_r = true;
    if (part->name_length != strlen(content_types) || part->flags & ARCHIVE_ENCRYPTED ||
        part->packed > TYPES_MAX || part->unpacked > TYPES_MAX) {
        return NULL; /* a longer name may be that of a piece of the part: ECMA-376-2 6.2.4 */
    }
    struct error *error = read_at(arena, fd, part->content, (size_t)part->packed, &packed);
    const char *bytes = error ? NULL : unpack_types(arena, part, packed);
    *found_r = !bytes || types_have_macros(bytes, (size_t)part->unpacked);
    return error;
}

/* An archive is one if it begins as one: what does not is no document, and is refused as that. */
static struct error *check_beginning(struct arena *arena, int fd, int64_t size, bool *fits_r)
{
    char head[MARK];
    struct error *error = size < END_SIZE ? NULL : archive_read_at(arena, fd, 0, sizeof head, head);
    *fits_r = !error && size >= END_SIZE && !memcmp(head, ARCHIVE_LOCAL, MARK);
    return error;
}

struct error *docx_has_macros(struct arena *arena, int fd, int64_t size, bool *found_r)
{
    struct archive archive = {0};
    bool begins, clear = false, types = false;
    *found_r = false;
    struct error *error = check_beginning(arena, fd, size, &begins);
    if (error || !begins) {
        return error;
    }
    error = archive_read(arena, fd, size, &archive, &clear);
    *found_r = !clear;
    for (size_t i = 0; i < archive.count && !error && !*found_r; i++) {
        const struct archive_part *part = &archive.parts[i];
        *found_r = mentions(part->name, part->name_length, "vbaproject") ||
                   mentions(part->name, part->name_length, "vbadata");
        if (!*found_r && mentions(part->name, part->name_length, content_types)) {
            types = true;
            error = check_types(arena, fd, part, found_r);
        }
    }
    *found_r |= !types;
    return error;
}
