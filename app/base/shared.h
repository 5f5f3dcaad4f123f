/*
 * Shared memory: what all processes of one service see, however often workers and the housekeeper
 * are replaced. The master makes it before it forks for the first time, and it ends with the last
 * process. Whoever writes to it may be killed at any line, so that nothing in it may ever be
 * locked: it consists of C11 atomics, each of which is true by itself.
 */
#ifndef BASE_SHARED_H
#define BASE_SHARED_H

#include <stddef.h>

/* Zeroed memory that processes forked from now on share; ends the process if there is none. */
void *shared_alloc(size_t size) __attribute__((returns_nonnull));

/* Memory that is a file, and so survives a restart of the service. The file is made if it is
 * missing, and its space is allocated, so that no write can fail later on a full disk. NULL with
 * errno set if that is not possible. */
void *shared_map(const char *path, size_t size);

#endif
