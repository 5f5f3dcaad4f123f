/*
 * Digests: computes MD5 and SHA-256 of a file while it is written. Computing both takes longer than
 * the rest of an upload. So a separate thread computes the MD5 of a large file: it reads the bytes
 * back from the page cache.
 */
#ifndef FILES_DIGESTS_H
#define FILES_DIGESTS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct digests;

/* Starts the digests of an empty file, open for reading. Ends the process if memory is
 * exhausted. */
struct digests *digests_new(int fd) __attribute__((returns_nonnull));

/* Adds bytes that have already been written to the end of the file. */
void digests_add(struct digests *digests, const char *bytes, size_t length);

/* Returns the digests and frees the state. False with errno set if the file cannot be read back. */
bool digests_finish(struct digests **digests, unsigned char *md5_r,
                    unsigned char *sha256_r) MUST_CHECK;

#endif
