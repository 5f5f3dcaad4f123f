/* See docx.h. The layout is that of APPNOTE 6.3: the end record, and the directory that it points to. */
#include "collection/docx.h"

#include "base/arena.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
    END_SIZE = 22, /* of the end record, without the comment behind it */
    COMMENT_MAX = 0xFFFF,
    DIRECTORY_SIZE = 12, /* where in the end record */
    DIRECTORY_OFFSET = 16,
    DIRECTORY_MAX = 4 * 1024 * 1024, /* bytes */
    ENTRY_SIZE = 46,                 /* without its name, extra field and comment */
    ENTRY_NAME = 28,                 /* where in the entry the length of each stands */
    ENTRY_EXTRA = 30,
    ENTRY_COMMENT = 32,
};

static const char local_mark[] = "PK\003\004", entry_mark[] = "PK\001\002",
                  end_mark[] = "PK\005\006";

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

/* Whether the directory has both parts without which there is no document. */
static bool has_document(const char *entry, size_t left)
{
    bool types = false, document = false;
    while (left >= ENTRY_SIZE && !memcmp(entry, entry_mark, MARK)) {
        size_t name = two(entry + ENTRY_NAME);
        size_t whole = ENTRY_SIZE + name + two(entry + ENTRY_EXTRA) + two(entry + ENTRY_COMMENT);
        if (whole > left) {
            return false;
        }
        types |= begins_with(entry + ENTRY_SIZE, name, "[Content_Types].xml");
        document |= begins_with(entry + ENTRY_SIZE, name, "word/document");
        entry += whole;
        left -= whole;
    }
    return types && document;
}

struct error *docx_check(struct arena *arena, int fd, int64_t size, bool *fits_r)
{
    const char *head = NULL, *tail = NULL, *directory = NULL;
    *fits_r = false;
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
    error = read_at(arena, fd, offset, (size_t)bytes, &directory);
    *fits_r = !error && has_document(directory, (size_t)bytes);
    return error;
}
