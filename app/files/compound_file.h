/*
 * Compound file: the container of Word's older format, .doc (MS-CFB). Its directory names storages
 * and streams, and those of a VBA project have fixed names (MS-OVBA 2.2).
 */
#ifndef FILES_COMPOUND_FILE_H
#define FILES_COMPOUND_FILE_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

/*
 * True if the file has a VBA project, of its own or in an embedded object. Entries of the directory
 * are looked for at every place where one can stand, instead of along the directory's chain of
 * sectors: so no chain can hide one, and nothing of the file is trusted.
 *
 * WordBasic macros of Word 6 and 95 are not found: they stand inside the document's stream.
 */
struct error *compound_file_has_macros(struct arena *arena, int fd, int64_t size,
                                       bool *found_r) MUST_CHECK;

#endif
