/* See compound_file.h. */
#include "files/compound_file.h"

#include "base/arena.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
    ENTRY_SIZE = 128, /* size of a directory entry; sectors are a multiple of it (MS-CFB 2.6.1) */
    ENTRY_NAME_SIZE = 64,
    ENTRY_NAME_LENGTH = 64, /* offset of the name's length in bytes, including its NUL */
    ENTRY_TYPE = 66,
    TYPE_STORAGE = 1,
    TYPE_STREAM = 2,
    PIECE = 512 * ENTRY_SIZE, /* bytes of one read */
};

static const unsigned char signature[] = {0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1};

/* True if the entry has this name. Names are UTF-16LE and compare without case. */
static bool has_name(const unsigned char *entry, const char *name)
{
    size_t length = strlen(name);
    size_t bytes = entry[ENTRY_NAME_LENGTH] | (size_t)entry[ENTRY_NAME_LENGTH + 1] << 8;
    if (bytes != 2 * (length + 1) || bytes > ENTRY_NAME_SIZE) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (entry[2 * i + 1] || toupper(entry[2 * i]) != toupper((unsigned char)name[i])) {
            return false;
        }
    }
    return true;
}

/* True if the directory entry belongs to a VBA project. */
static bool is_vba_entry(const unsigned char *entry)
{
    if (entry[ENTRY_TYPE] == TYPE_STORAGE) {
        return has_name(entry, "Macros") || has_name(entry, "VBA") ||
               has_name(entry, "_VBA_PROJECT_CUR");
    }
    return entry[ENTRY_TYPE] == TYPE_STREAM && has_name(entry, "_VBA_PROJECT");
}

static bool is_encrypted_package(const unsigned char *entry)
{
    return entry[ENTRY_TYPE] == TYPE_STREAM && has_name(entry, "EncryptedPackage");
}

/* Reads up to PIECE bytes; fewer only at the end of the file. */
static struct error *read_piece(struct arena *arena, int fd, int64_t offset, unsigned char *piece,
                                size_t *length_r)
{
    *length_r = 0;
    while (*length_r < PIECE) {
        ssize_t got =
            pread(fd, piece + *length_r, PIECE - *length_r, (off_t)offset + (off_t)*length_r);
        if (got < 0 && errno != EINTR) {
            return error_new(arena, ERR_INTERNAL, "staged file: cannot read: %s", strerror(errno));
        }
        if (got == 0) {
            return NULL;
        }
        *length_r += got > 0 ? (size_t)got : 0;
    }
    return NULL;
}

/* Sets *found_r to true if the file has a directory entry of that kind. */
static struct error *find_entry_of_kind(struct arena *arena, int fd, int64_t size,
                                        bool (*is_of_kind)(const unsigned char *entry),
                                        bool *found_r)
{
    unsigned char *piece = arena_alloc(arena, PIECE);
    *found_r = false;
    for (int64_t offset = 0; offset < size && !*found_r; offset += PIECE) {
        size_t length;
        struct error *error = read_piece(arena, fd, offset, piece, &length);
        if (error) {
            return error;
        }
        if (!offset &&
            (length < sizeof signature || memcmp(piece, signature, sizeof signature) != 0)) {
            return NULL;
        }
        for (size_t at = 0; at + ENTRY_SIZE <= length && !*found_r; at += ENTRY_SIZE) {
            *found_r = is_of_kind(piece + at);
        }
    }
    return NULL;
}

struct error *compound_file_has_macros(struct arena *arena, int fd, int64_t size, bool *found_r)
{
    return find_entry_of_kind(arena, fd, size, is_vba_entry, found_r);
}

struct error *compound_file_is_encrypted(struct arena *arena, int fd, int64_t size, bool *found_r)
{
    return find_entry_of_kind(arena, fd, size, is_encrypted_package, found_r);
}
