/*
 * Digests: MD5 and SHA-256 of a file while it is written. Both together take longer than all else
 * that an upload costs, so that the MD5 of a large file is computed by a thread of its own, which
 * reads behind the writer what is still in the page cache.
 */
#ifndef FILES_DIGESTS_H
#define FILES_DIGESTS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct digests;

/* Of a file that can be read at `fd`, and is empty. Out of memory ends the process. */
struct digests *digests_new(int fd) __attribute__((returns_nonnull));

/* These bytes have been written to the end of the file. */
void digests_add(struct digests *digests, const char *bytes, size_t length);

/* Ends and frees them. False with errno set if the file could not be read back. */
bool digests_finish(struct digests **digests, unsigned char *md5_r,
                    unsigned char *sha256_r) MUST_CHECK;

#endif
