/* See types.h. The only user of libmagic. */
#include "files/types.h"

#include "base/size.h"
#include "files/compound_file.h"
#include "files/docx.h"

#include <magic.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* Bytes of a file's beginning at which libmagic looks: it holds them, and eight times as many of
 * those that may be text. */
enum {
    LOOKED_AT = 64 * KIB,
    LOOKED_AT_AS_TEXT = 16 * KIB,
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

/* What is looked for. */
static const int looks_for = MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS | MAGIC_NO_CHECK_TAR |
                             MAGIC_NO_CHECK_CSV | MAGIC_NO_CHECK_JSON | MAGIC_NO_CHECK_ELF;

/* The tables of this process, NULL if they cannot be loaded. */
static magic_t tables(void)
{
    static magic_t loaded;
    const size_t looked_at = LOOKED_AT, as_text = LOOKED_AT_AS_TEXT;
    if (loaded) {
        return loaded;
    }
    magic_t magic = magic_open(looks_for);
    if (magic && magic_load(magic, NULL) == 0 &&
        magic_setparam(magic, MAGIC_PARAM_BYTES_MAX, &looked_at) == 0 &&
        magic_setparam(magic, MAGIC_PARAM_ENCODING_MAX, &as_text) == 0) {
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
    magic_t magic = tables();
    if (!magic) {
        return error_new(arena, ERR_INTERNAL, "libmagic: its tables cannot be loaded");
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
