/* See docx.h. The layout is that of APPNOTE 6.3: the end record, and the directory that it points
 * to. */
#define ZLIB_CONST /* zlib then promises not to change its input */

#include "collection/docx.h"

#include "base/arena.h"

#include <errno.h>
#include <expat.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <zlib.h>

enum {
    END_SIZE = 22, /* of the end record, without the comment behind it */
    COMMENT_MAX = 0xFFFF,
    DIRECTORY_SIZE = 12, /* where in the end record */
    DIRECTORY_OFFSET = 16,
    DIRECTORY_MAX = 4 * 1024 * 1024, /* bytes */
    ENTRY_SIZE = 46,                 /* without its name, extra field and comment */
    ENTRY_FLAGS = 8,                 /* where in the entry each of these stands */
    ENTRY_METHOD = 10,
    ENTRY_PACKED = 20,
    ENTRY_NAME = 28,
    ENTRY_EXTRA = 30,
    ENTRY_COMMENT = 32,
    ENTRY_OFFSET = 42,
    LOCAL_SIZE = 30, /* of the header before a part's bytes, without its name and extra field */
    LOCAL_NAME = 26,
    LOCAL_EXTRA = 28,
    ENCRYPTED = 1,
    METHOD_STORED = 0,
    METHOD_DEFLATED = 8,
    TYPES_MAX = 1024 * 1024, /* bytes of [Content_Types].xml, packed and unpacked */
};

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

static const char local_mark[] = "PK\003\004", entry_mark[] = "PK\001\002",
                  end_mark[] = "PK\005\006";

static const char content_types[] = "[Content_Types].xml";

enum { MARK = 4 };

static size_t two(const char *bytes)
{
    return (size_t)(unsigned char)bytes[0] | (size_t)(unsigned char)bytes[1] << 8;
}

static int64_t four(const char *bytes)
{
    return (int64_t)(two(bytes) | two(bytes + 2) << 16);
}

/* Bytes of the file, all of which are there. */
static struct error *read_at(struct arena *arena, int fd, int64_t offset, size_t length,
                             const char **bytes_r)
{
    char *bytes = arena_alloc(arena, length + 1);
    *bytes_r = bytes;
    for (size_t got = 0; got < length;) {
        ssize_t more = pread(fd, bytes + got, length - got, (off_t)offset + (off_t)got);
        if (more <= 0 && !(more < 0 && errno == EINTR)) {
            return error_new(arena, ERR_INTERNAL, "a staged file cannot be read");
        }
        got += more > 0 ? (size_t)more : 0;
    }
    return NULL;
}

/* The last end record; NULL if there is none. */
static const char *find_end(const char *tail, size_t length)
{
    for (const char *at = tail + length; at - tail >= END_SIZE; at--) {
        if (!memcmp(at - END_SIZE, end_mark, MARK)) {
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
    if (directory->left < ENTRY_SIZE || memcmp(bytes, entry_mark, MARK) != 0) {
        return false;
    }
    size_t name = two(bytes + ENTRY_NAME);
    size_t whole = ENTRY_SIZE + name + two(bytes + ENTRY_EXTRA) + two(bytes + ENTRY_COMMENT);
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
    if (error || memcmp(head, local_mark, MARK) != 0) {
        return error;
    }
    error = read_at(arena, fd, size - (int64_t)length, length, &tail);
    const char *end = error ? NULL : find_end(tail, length);
    if (!end) {
        return error;
    }
    int64_t bytes = four(end + DIRECTORY_SIZE), offset = four(end + DIRECTORY_OFFSET);
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
    bool whole = XML_Parse(parser, bytes, (int)length, 1) == XML_STATUS_OK;
    XML_ParserFree(parser);
    return found || !whole;
}

/* False if the bytes are not one whole deflated stream, or unpack to too many. */
static bool inflate_types(struct arena *arena, const char *packed, size_t length,
                          const char **bytes_r, size_t *length_r)
{
    z_stream stream = {.next_in = (const unsigned char *)packed, .avail_in = (uInt)length};
    char *bytes = arena_alloc(arena, TYPES_MAX);
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) {
        return false;
    }
    stream.next_out = (unsigned char *)bytes;
    stream.avail_out = TYPES_MAX;
    bool whole = inflate(&stream, Z_FINISH) == Z_STREAM_END;
    *bytes_r = bytes;
    *length_r = stream.total_out;
    inflateEnd(&stream);
    return whole;
}

/* The bytes of an entry as they are packed; none if the archive does not hold them. */
static struct error *read_packed(struct arena *arena, int fd, int64_t size,
                                 const struct entry *entry, const char **bytes_r, size_t *length_r)
{
    const char *local;
    int64_t offset = four(entry->bytes + ENTRY_OFFSET), packed = four(entry->bytes + ENTRY_PACKED);
    *length_r = 0;
    if (offset + LOCAL_SIZE > size) {
        return NULL;
    }
    struct error *error = read_at(arena, fd, offset, LOCAL_SIZE, &local);
    if (error || memcmp(local, local_mark, MARK) != 0) {
        return error;
    }
    offset += LOCAL_SIZE + (int64_t)two(local + LOCAL_NAME) + (int64_t)two(local + LOCAL_EXTRA);
    if (packed > TYPES_MAX || offset + packed > size) {
        return NULL;
    }
    *length_r = (size_t)packed;
    return read_at(arena, fd, offset, (size_t)packed, bytes_r);
}

static struct error *check_types(struct arena *arena, int fd, int64_t size,
                                 const struct entry *entry, bool *found)
{
    const char *bytes = NULL;
    size_t length, method = two(entry->bytes + ENTRY_METHOD);
    if (entry->name_length != strlen(content_types)) {
        *found = true; /* it may be a piece of the part: ECMA-376-2 6.2.4 */
        return NULL;
    }
    struct error *error = read_packed(arena, fd, size, entry, &bytes, &length);
    if (error) {
        return error;
    }
    bool readable =
        length && !(two(entry->bytes + ENTRY_FLAGS) & ENCRYPTED) &&
        (method == METHOD_STORED ||
         (method == METHOD_DEFLATED && inflate_types(arena, bytes, length, &bytes, &length)));
    *found |= !readable || types_have_macros(bytes, length);
    return NULL;
}

struct error *docx_has_macros(struct arena *arena, int fd, int64_t size, bool *found_r)
{
    struct directory directory;
    struct entry entry;
    struct error *error = read_directory(arena, fd, size, &directory);
    *found_r = false;
    while (!error && !*found_r && next_entry(&directory, &entry)) {
        *found_r = mentions(entry.name, entry.name_length, "vbaproject") ||
                   mentions(entry.name, entry.name_length, "vbadata");
        if (!*found_r && mentions(entry.name, entry.name_length, content_types)) {
            error = check_types(arena, fd, size, &entry, found_r);
        }
    }
    return error;
}
