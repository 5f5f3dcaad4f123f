/*
 * File types that may be uploaded. The extension of the file name determines the type, and the
 * content must match it. The content type that the client sends is ignored.
 */
#ifndef FILES_TYPES_H
#define FILES_TYPES_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;

/* How the content of a type is checked. */
enum file_content {
    CONTENT_LIBMAGIC, /* libmagic must recognize content_type */
    CONTENT_PDF,      /* the header stands near the beginning */
    CONTENT_TEXT,     /* text.h checks all bytes as they arrive */
    CONTENT_DOCX,     /* docx.h checks the archive */
};

struct file_type {
    const char *extension; /* lower case, without the dot */
    const char *content_type;
    enum file_content content;
};

/* Allowed extensions, NULL after the last. */
extern const char *const file_type_extensions[];

/* Returns the type of a file name; NULL if the type may not be uploaded. */
const struct file_type *file_type_of(const char *name, size_t length);

/* In these functions, `field` is the name of the form field that the details name. */

/* Returns NULL if the content of an open file of `size` bytes matches the type, and otherwise
 * file_type_reject(). Always NULL for CONTENT_TEXT, which is checked as it arrives. Moves the file
 * offset. The first call in a process loads libmagic's tables. */
struct error *file_type_check(struct arena *arena, const struct file_type *type, const char *field,
                              int fd, int64_t size) MUST_CHECK;

/* Finds the content type of bytes in memory, as libmagic names it. Like file_type_check(), the
 * first call loads libmagic's tables. */
struct error *file_type_detect(struct arena *arena, const char *bytes, size_t length,
                               const char **content_type_r) MUST_CHECK;

/* Returns the error about an open file whose content does not match its name: ERR_FILE_PASSWORD, or
 * ERR_FILE_CONTENT with the format that the file has, if it is
 * known and not that of the extension. Moves the file offset. */
struct error *file_type_reject(struct arena *arena, const char *field, const char *extension,
                               int fd, int64_t size) MUST_CHECK;

/* Sets *found_r to true if a .docx or .doc file has a VBA project. Does not search scripts in PDF
 * files, which may be compressed. */
struct error *file_type_has_macros(struct arena *arena, const struct file_type *type, int fd,
                                   int64_t size, bool *found_r) MUST_CHECK;

#endif
