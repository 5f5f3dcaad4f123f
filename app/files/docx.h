/*
 * Docx: recognizes documents of Word by the names of the parts in their archive (ECMA-376, ZIP).
 * libmagic checks only the first parts, but writers may choose any order, so it recognizes only
 * some documents.
 */
#ifndef FILES_DOCX_H
#define FILES_DOCX_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

/* Sets *fits_r to true if the open file of `size` bytes is a document. Decompresses nothing. */
struct error *docx_check(struct arena *arena, int fd, int64_t size, bool *fits_r) MUST_CHECK;

/*
 * Sets *found_r to true if the document has a VBA project. Finds it by the names of the parts, and
 * by the content types that [Content_Types].xml declares, because the parts of a project may have
 * any name. Decompresses only [Content_Types].xml, in limited memory.
 *
 * Also true if the content types cannot be read, and if the archive is ambiguous (archive.h): the
 * program that opens the document may find a project.
 *
 * Does not open embedded objects, and does not follow links to external templates.
 */
struct error *docx_has_macros(struct arena *arena, int fd, int64_t size, bool *found_r) MUST_CHECK;

#endif
