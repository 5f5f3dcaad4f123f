/*
 * Owners: the subject and the organization that an upload counts against. The spool cannot verify a
 * token; the worker that is asked about an upload names its owners in the answer 100, each by an
 * opaque key that is new at each start, and by the number of uploads that it may have under way:
 *
 *   X-Kontora-Owner: 0123456789abcdef 4
 *
 * The spool alone reads these fields: nginx never gets an answer 100.
 */
#ifndef PROC_OWNERS_H
#define PROC_OWNERS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OWNERS_MAX = 2 };

struct owners {
    struct owner {
        uint64_t key;
        int64_t limit; /* at least 1 */
    } list[OWNERS_MAX];
    size_t count;
};

/* Reads the header fields of an answer, which begin behind the header of its first FastCGI record.
 * Returns false if they are incomplete, if a field that names an owner is malformed, or if there
 * are too many of them. */
bool owners_read(const char *reply, size_t length, struct owners *owners_r) MUST_CHECK;

/* True if the key is one of these owners'. */
bool owners_include(const struct owners *owners, uint64_t key);

#endif
