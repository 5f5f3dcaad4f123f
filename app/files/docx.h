/*
 * Docx: whether a file is a document of Word, by what its archive says that it holds (ECMA-376,
 * ZIP). The order of the parts is the writer's choice, and so libmagic, which looks at the first
 * few, knows only some.
 */
#ifndef FILES_DOCX_H
#define FILES_DOCX_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

/* Reads an open file of `size` bytes; nothing is unpacked. */
struct error *docx_check(struct arena *arena, int fd, int64_t size, bool *fits_r) MUST_CHECK;

/*
 * True if the document has a VBA project: by the names of its parts, and by the content types that
 * [Content_Types].xml declares, because a project may have any name. That one part is unpacked, in
 * bounded memory. A document whose content types cannot be read counts as one with macros. So does
 * an archive in which readers could see different parts (archive.h), because the program that opens
 * it may see a project.
 *
 * Embedded objects are not opened, and links to templates elsewhere are not followed.
 */
struct error *docx_has_macros(struct arena *arena, int fd, int64_t size, bool *found_r) MUST_CHECK;

#endif
