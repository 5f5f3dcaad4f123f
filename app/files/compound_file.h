/*
 * Compound file: the container format of .doc, the older format of Word (MS-CFB). Its directory
 * names storages and streams. The storages and streams of a VBA project have fixed names (MS-OVBA
 * 2.2).
 */
#ifndef FILES_COMPOUND_FILE_H
#define FILES_COMPOUND_FILE_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

/*
 * Sets *found_r to true if the file, or an object embedded in it, has a VBA project. Tests every
 * position of the file at which a directory entry can be, instead of following the directory's
 * chain of sectors, so that a manipulated chain cannot hide an entry.
 *
 * Does not find WordBasic macros of Word 6 and 95, which are inside the document's stream.
 */
struct error *compound_file_has_macros(struct arena *arena, int fd, int64_t size,
                                       bool *found_r) MUST_CHECK;

/* Sets *found_r to true if the file contains an encrypted Office document (MS-OFFCRYPTO 2.3.4).
 * Office stores a .docx that has a password in a compound file. */
struct error *compound_file_is_encrypted(struct arena *arena, int fd, int64_t size,
                                         bool *found_r) MUST_CHECK;

#endif
