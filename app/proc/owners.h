/*
 * Owners: the subject and the organization against whose limits an upload counts. The spool cannot
 * verify tokens; the worker that checks the parameters of an upload returns its owners in the reply
 * 100, each as an opaque key, which changes at each start, and the limit of concurrent uploads:
 *
 *   X-Kontora-Owner: 0123456789abcdef 4
 *
 * Only the spool reads these header fields; the reply 100 is never forwarded to nginx.
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
        int64_t limit; /* maximum number of concurrent uploads; at least 1 */
    } list[OWNERS_MAX];
    size_t count;
};

/* Parses the owners in the header fields of a reply, which begin behind the header of its first
 * FastCGI record. Returns false if the header fields are incomplete, if an owner is malformed, or
 * if there are more than OWNERS_MAX. */
bool owners_read(const char *reply, size_t length, struct owners *owners_r) MUST_CHECK;

/* True if one of the owners has this key. */
bool owners_include(const struct owners *owners, uint64_t key);

#endif
