/*
 * File types: those that may be uploaded. What a client says of a file's type counts for nothing:
 * it is what its name ends in, and its content must be of that type too (libmagic).
 */
#ifndef FILES_TYPES_H
#define FILES_TYPES_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;

/* How content is looked at. */
enum file_content {
    CONTENT_LIBMAGIC, /* what libmagic says must be content_type */
    CONTENT_TEXT,     /* text.h, all of it as it arrives */
    CONTENT_DOCX,     /* docx.h */
};

struct file_type {
    const char *extension; /* lower case, without the dot */
    const char *content_type;
    enum file_content content;
};

/* All extensions, NULL after the last. */
extern const char *const file_type_extensions[];

/* The type of a file's name; NULL: none of ours. */
const struct file_type *file_type_of(const char *name, size_t length);

/* True if the content of an open file of `size` bytes is of that type; of CONTENT_TEXT that is
 * known already. Moves the place where the file is read. The first call of a process maps
 * libmagic's tables. */
struct error *file_type_check(struct arena *arena, const struct file_type *type, int fd,
                              int64_t size, bool *fits_r) MUST_CHECK;

/* True if the file has macros that can be found: a VBA project of a .docx or .doc. PDF's scripts
 * are not looked for, because they may be compressed. */
struct error *file_type_has_macros(struct arena *arena, const struct file_type *type, int fd,
                                   int64_t size, bool *found_r) MUST_CHECK;

#endif
