/* See types.h. The only user of libmagic. */
#include "files/types.h"

#include "base/size.h"
#include "files/compound_file.h"
#include "files/docx.h"

#include <magic.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* Bytes at the beginning of a file that libmagic checks. It allocates as many bytes, and eight
 * times as many to detect the encoding of a text. */
enum {
    CHECKED_BYTES = 64 * KIB,
    CHECKED_TEXT_BYTES = 16 * KIB,
};

static const struct file_type types[] = {
    {"txt", "text/plain", CONTENT_TEXT},
    {"pdf", "application/pdf", CONTENT_LIBMAGIC},
    {"png", "image/png", CONTENT_LIBMAGIC},
    {"jpg", "image/jpeg", CONTENT_LIBMAGIC},
    {"jpeg", "image/jpeg", CONTENT_LIBMAGIC},
    {"gif", "image/gif", CONTENT_LIBMAGIC},
    {"doc", "application/msword", CONTENT_LIBMAGIC},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
     CONTENT_DOCX},
};

enum { TYPES = sizeof types / sizeof *types };

const char *const file_type_extensions[TYPES + 1] = {"txt",  "pdf", "png", "jpg",
                                                     "jpeg", "gif", "doc", "docx"};

const struct file_type *file_type_of(const char *name, size_t length)
{
    const char *dot = memrchr(name, '.', length);
    size_t left = dot ? (size_t)(name + length - dot - 1) : 0;
    for (size_t i = 0; i < TYPES && dot; i++) {
        if (left == strlen(types[i].extension) && !strncasecmp(dot + 1, types[i].extension, left)) {
            return &types[i];
        }
    }
    return NULL;
}

/* Makes libmagic return content types, and skip checks for types other than those above. */
static const int magic_flags = MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS | MAGIC_NO_CHECK_TAR |
                               MAGIC_NO_CHECK_CSV | MAGIC_NO_CHECK_JSON | MAGIC_NO_CHECK_ELF;

/* Loads libmagic's tables once per process. Returns NULL if that fails. */
static magic_t load_magic(void)
{
    static magic_t loaded;
    const size_t max_bytes = CHECKED_BYTES, max_text_bytes = CHECKED_TEXT_BYTES;
    if (loaded) {
        return loaded;
    }
    magic_t magic = magic_open(magic_flags);
    if (magic && magic_load(magic, NULL) == 0 &&
        magic_setparam(magic, MAGIC_PARAM_BYTES_MAX, &max_bytes) == 0 &&
        magic_setparam(magic, MAGIC_PARAM_ENCODING_MAX, &max_text_bytes) == 0) {
        loaded = magic;
    } else if (magic) {
        magic_close(magic);
    }
    return loaded;
}

struct error *file_type_check(struct arena *arena, const struct file_type *type, int fd,
                              int64_t size, bool *fits_r)
{
    *fits_r = true;
    if (type->content == CONTENT_TEXT) {
        return NULL;
    }
    if (type->content == CONTENT_DOCX) {
        return docx_check(arena, fd, size, fits_r);
    }
    magic_t magic = load_magic();
    if (!magic) {
        return error_new(arena, ERR_INTERNAL, "libmagic: cannot load its tables");
    }
    const char *found = lseek(fd, 0, SEEK_SET) == 0 ? magic_descriptor(magic, fd) : NULL;
    if (!found) {
        return error_new(arena, ERR_INTERNAL, "libmagic: %s", magic_error(magic));
    }
    *fits_r = !strcmp(found, type->content_type);
    return NULL;
}

struct error *file_type_has_macros(struct arena *arena, const struct file_type *type, int fd,
                                   int64_t size, bool *found_r)
{
    *found_r = false;
    if (type->content == CONTENT_DOCX) {
        return docx_has_macros(arena, fd, size, found_r);
    }
    if (!strcmp(type->extension, "doc")) {
        return compound_file_has_macros(arena, fd, size, found_r);
    }
    return NULL;
}
