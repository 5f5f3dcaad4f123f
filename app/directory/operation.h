/*
 * Operation: one LDAP request and its answer. The answer is copied into the arena, so that it
 * outlives the connection that it came from.
 */
#ifndef DIRECTORY_OPERATION_H
#define DIRECTORY_OPERATION_H

#include "base/error.h"
#include "directory/attribute.h"

#include <ldap.h>
#include <stdbool.h>
#include <stddef.h>

struct arena;
struct directory;

/* The answer to one operation. */
struct answer {
    int code;               /* RFC 4511 4.1.9, or one of libldap's own, which are negative */
    bool repeated;          /* a first try was lost */
    bool lost;              /* the connection died: the server may or may not have done it */
    const char *diagnostic; /* never NULL */
    struct raw_entry *entries;
    size_t count;
    LDAPControl **controls; /* may be NULL */
};

struct operation {
    const char *name; /* for the log */
    int (*send)(LDAP *ldap, const void *request, int *message_id_r);
    const void *request;
    bool writes; /* no answer then means that nobody knows: ERR_OUTCOME_UNKNOWN */
};

/*
 * Sends an operation and waits for its answer. An error means that there is no connection or that
 * time ran out; everything else, a lost connection included, is in `answer_r`.
 */
struct error *operation_run(struct directory *directory, struct arena *arena,
                            const struct operation *operation, struct answer *answer_r) MUST_CHECK;

/* Like operation_run(), for operations that may be repeated: if the connection was lost, runs
 * the operation once more on a fresh one and sets `repeated` in the answer. Fails if that is
 * lost too, or if the repetition of a write cannot be served: the outcome of the first try is
 * then unknown. */
struct error *operation_repeat(struct directory *directory, struct arena *arena,
                               const struct operation *operation,
                               struct answer *answer_r) MUST_CHECK;

#endif
