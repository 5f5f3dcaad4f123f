/*
 * Operation: one LDAP request and its answer. The answer is copied into the arena, so it outlives
 * the connection.
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

/* The LDAP requests that Kontora sends, besides binds. */
enum operation_kind {
    OPERATION_SEARCH,
    OPERATION_ADD,
    OPERATION_MODIFY,
    OPERATION_RENAME,
    OPERATION_DELETE,
    OPERATION_COUNT
};

/* The answer to one operation. */
struct answer {
    enum operation_kind kind; /* of the operation; decides what `code` means */
    int code;                 /* LDAP result (RFC 4511 4.1.9), or negative: a libldap error */
    bool repeated;            /* the connection was lost, and the operation was sent again */
    bool lost;                /* the connection was lost: the outcome is unknown */
    const char *diagnostic;   /* never NULL */
    struct raw_entry *entries;
    size_t count;
    LDAPControl **controls; /* may be NULL */
};

struct operation {
    enum operation_kind kind; /* if this is not a search, a missing answer is ERR_OUTCOME_UNKNOWN */
    const char *name;         /* name of the operation in the log and the metrics */
    int (*send)(LDAP *ldap, const void *request, int *message_id_r);
    const void *request;
    /* Deadline of a search whose filter may be costly, in microseconds of the steady clock. A
     * search that takes longer returns ERR_FILTER_TOO_COSTLY and does not count as a timeout of the
     * controller. 0: the answer may take LDAP_TIMEOUT_MS. */
    int64_t until;
};

/*
 * Sends an operation and waits for its answer. Returns an error if it cannot connect or if the
 * answer times out; reports all other results in `answer_r`, including a lost connection.
 */
struct error *operation_run(struct directory *directory, struct arena *arena,
                            const struct operation *operation, struct answer *answer_r) MUST_CHECK;

/* Like operation_run(), for operations that may be repeated: if the connection is lost, sends the
 * operation once more on a new connection and sets `repeated` in the answer. Returns an error if
 * the second connection is lost too. Returns ERR_OUTCOME_UNKNOWN if a write was lost and the second
 * attempt cannot be served, because the first may have been carried out. */
struct error *operation_repeat(struct directory *directory, struct arena *arena,
                               const struct operation *operation,
                               struct answer *answer_r) MUST_CHECK;

#endif
