/* See types.h. The only user of libmagic. */
#include "files/types.h"

#include "base/arena.h"
#include "base/size.h"
#include "files/archive.h"
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

enum { PDF_HEADER_WITHIN = 1024 }; /* bytes at the beginning of a file */

static const struct file_type types[] = {
    {"txt", "text/plain", CONTENT_TEXT},
    {"pdf", "application/pdf", CONTENT_PDF},
    {"png", "image/png", CONTENT_LIBMAGIC},
    {"jpg", "image/jpeg", CONTENT_LIBMAGIC},
    {"jpeg", "image/jpeg", CONTENT_LIBMAGIC},
    {"jpe", "image/jpeg", CONTENT_LIBMAGIC},
    {"jfif", "image/jpeg", CONTENT_LIBMAGIC},
    {"gif", "image/gif", CONTENT_LIBMAGIC},
    {"doc", "application/msword", CONTENT_LIBMAGIC},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
     CONTENT_DOCX},
};

enum { TYPES = sizeof types / sizeof *types };

const char *const file_type_extensions[TYPES + 1] = {"txt", "pdf",  "png", "jpg", "jpeg",
                                                     "jpe", "jfif", "gif", "doc", "docx"};

/* Names of the formats that libmagic recognizes, for messages in any language. A name that ends
 * with a slash stands for all content types that begin with it; the first row that fits counts. */
static const struct {
    const char *content_type, *name;
} formats[] = {
    {"image/heic", "HEIC"},
    {"image/heif", "HEIC"},
    {"image/heic-sequence", "HEIC"},
    {"image/heif-sequence", "HEIC"},
    {"image/avif", "AVIF"},
    {"image/webp", "WebP"},
    {"image/png", "PNG"},
    {"image/jpeg", "JPEG"},
    {"image/gif", "GIF"},
    {"image/tiff", "TIFF"},
    {"image/bmp", "BMP"},
    {"image/x-ms-bmp", "BMP"},
    {"image/svg+xml", "SVG"},
    {"text/rtf", "RTF"},
    {"text/html", "HTML"},
    {"text/xml", "XML"},
    {"text/", "TXT"},
    {"application/msword", "DOC"},
    {"application/vnd.ms-excel", "XLS"},
    {"application/vnd.ms-powerpoint", "PPT"},
    {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "XLSX"},
    {"application/vnd.openxmlformats-officedocument.presentationml.presentation", "PPTX"},
    {"application/vnd.oasis.opendocument.text", "ODT"},
    {"application/vnd.oasis.opendocument.spreadsheet", "ODS"},
    {"application/zip", "ZIP"},
    {"application/x-7z-compressed", "7Z"},
    {"application/x-rar", "RAR"},
    {"application/gzip", "GZIP"},
    {"application/x-dosexec", "EXE"},
    {"application/vnd.microsoft.portable-executable", "EXE"},
    {"video/mp4", "MP4"},
    {"video/quicktime", "MOV"},
};

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

/* Sets *content_type_r to the content type that libmagic finds. */
static struct error *detect_content_type(struct arena *arena, int fd, const char **content_type_r)
{
    magic_t magic = load_magic();
    *content_type_r = "";
    if (!magic) {
        return error_new(arena, ERR_INTERNAL, "libmagic: cannot load its tables");
    }
    const char *found = lseek(fd, 0, SEEK_SET) == 0 ? magic_descriptor(magic, fd) : NULL;
    if (!found) {
        return error_new(arena, ERR_INTERNAL, "libmagic: %s", magic_error(magic));
    }
    *content_type_r = found;
    return NULL;
}

struct error *file_type_detect(struct arena *arena, const char *bytes, size_t length,
                               const char **content_type_r)
{
    magic_t magic = load_magic();
    const char *found = magic ? magic_buffer(magic, bytes, length) : NULL;
    *content_type_r = found ? arena_string(arena, found) : "";
    return found ? NULL : error_new(arena, ERR_INTERNAL, "libmagic: cannot examine the content");
}

/* True if a file begins like an archive, a document of Office, a program or a page. */
static bool begins_like_other_format(const char *head, size_t length)
{
    static const char *const signatures[] = {"PK\003\004", "\320\317\021\340", "MZ", "\177ELF",
                                             "<"};
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        size_t size = strlen(signatures[i]);
        if (length >= size && !memcmp(head, signatures[i], size)) {
            return true;
        }
    }
    return false;
}

/* Searches for the header where readers of PDF accept it: printers and mail programs write bytes
 * before it (ISO 32000-1 H.3 note 13). A file of another format that contains the header is not a
 * PDF: its content would be served under a wrong type, and its macros would not be found. */
static struct error *check_pdf(struct arena *arena, int fd, int64_t size, bool *fits_r)
{
    static const char header[] = "%PDF-";
    char head[PDF_HEADER_WITHIN];
    size_t length = size < PDF_HEADER_WITHIN ? (size_t)size : PDF_HEADER_WITHIN;
    struct error *error = archive_read_at(arena, fd, 0, length, head);
    *fits_r = !error && memmem(head, length, header, strlen(header)) &&
              !begins_like_other_format(head, length);
    return error;
}

static struct error *check_content(struct arena *arena, const struct file_type *type, int fd,
                                   int64_t size, bool *fits_r)
{
    const char *found;
    struct error *error = NULL;
    *fits_r = true;
    switch (type->content) {
    case CONTENT_TEXT:
        break;
    case CONTENT_DOCX:
        return docx_check(arena, fd, size, fits_r);
    case CONTENT_PDF:
        return check_pdf(arena, fd, size, fits_r);
    case CONTENT_LIBMAGIC:
        error = detect_content_type(arena, fd, &found);
        *fits_r = !strcmp(found, type->content_type);
        break;
    }
    return error;
}

static const char *name_of_format(const char *content_type)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        const char *pattern = formats[i].content_type;
        size_t length = strlen(pattern);
        bool prefix = pattern[length - 1] == '/';
        if (prefix ? !strncmp(content_type, pattern, length) : !strcmp(content_type, pattern)) {
            return formats[i].name;
        }
    }
    return NULL;
}

/* Finds the name of the format of a file; NULL if it is unknown. Sets *encrypted_r to true if the
 * file is a document of Office that has a password. */
static struct error *identify_file(struct arena *arena, int fd, int64_t size, const char **name_r,
                                   bool *encrypted_r)
{
    const char *content_type;
    bool fits = false;
    *name_r = NULL;
    struct error *error = compound_file_is_encrypted(arena, fd, size, encrypted_r);
    if (error || *encrypted_r) {
        return error;
    }
    if ((error = docx_check(arena, fd, size, &fits)) || fits) {
        *name_r = "DOCX";
        return error;
    }
    if ((error = check_pdf(arena, fd, size, &fits)) || fits) {
        *name_r = "PDF";
        return error;
    }
    error = detect_content_type(arena, fd, &content_type);
    *name_r = error ? NULL : name_of_format(content_type);
    return error;
}

struct error *file_type_reject(struct arena *arena, const char *field, const char *extension,
                               int fd, int64_t size)
{
    const char *name;
    bool encrypted;
    struct error *error = identify_file(arena, fd, size, &name, &encrypted);
    if (error) {
        return error;
    }
    error = error_new(arena, encrypted ? ERR_FILE_PASSWORD : ERR_FILE_CONTENT, NULL);
    if (name && !strcasecmp(name, extension)) {
        name = NULL; /* the extension is right; the content is damaged */
    }
    if (!encrypted) {
        error_detail(error, field, name ? FAULT_OTHER_FORMAT : FAULT_UNKNOWN_FORMAT, name);
    }
    return error_member_strings(error, "allowed_extensions", file_type_extensions);
}

struct error *file_type_check(struct arena *arena, const struct file_type *type, const char *field,
                              int fd, int64_t size)
{
    bool fits;
    struct error *error = check_content(arena, type, fd, size, &fits);
    return error || fits ? error : file_type_reject(arena, field, type->extension, fd, size);
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
