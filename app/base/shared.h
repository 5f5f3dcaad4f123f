/*
 * Shared memory: memory that all processes of the service share and that outlives restarts of
 * workers. The master allocates it before its first fork; it is freed when the last process ends.
 * Because a process can be killed during any update, shared memory consists of C11 atomics, each of
 * which is consistent by itself. Its only locks are robust mutexes that protect no data in it.
 */
#ifndef BASE_SHARED_H
#define BASE_SHARED_H

#include <stddef.h>

/* Returns zeroed memory that is shared with all processes forked later. Aborts on failure. */
void *shared_alloc(size_t size) __attribute__((returns_nonnull));

/* Maps a file into shared memory, so that its content survives a restart of the service. Creates
 * the file if it is missing, and allocates its disk space, so that later writes cannot fail on a
 * full disk. Returns NULL with errno set on failure. */
void *shared_map(const char *path, size_t size);

#endif
