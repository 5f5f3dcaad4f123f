/*
 * Deadline: the time that a call of the directory has left. Times are of the steady clock, in
 * microseconds.
 */
#ifndef DIRECTORY_DEADLINE_H
#define DIRECTORY_DEADLINE_H

#include "base/error.h"

#include <ldap.h>
#include <stdbool.h>
#include <stdint.h>

struct deadline {
    int64_t connect_us, answer_us; /* the configured timeouts */
    int64_t call;                  /* end of the call under way */
    int64_t io;                    /* end of the read or write under way */
};

/* A call begins: it ends after both timeouts together. */
void deadline_begin(struct deadline *deadline);

/* An answer came at `now`, so the controller serves: the call may take the time of an answer from
 * then on. */
void deadline_extend(struct deadline *deadline, int64_t now);

/* Call it before sending: returns how long the answer may take, at least one microsecond. Reads and
 * writes end then, too. */
int64_t deadline_expect_answer(struct deadline *deadline);

/* The counterpart for TCP and TLS. */
int64_t deadline_expect_connect(struct deadline *deadline);

/* True if the time of the read or write under way is over. */
bool deadline_io_passed(const struct deadline *deadline);

/* From now on reads and writes of this handle fail with ETIMEDOUT at deadline->io, which may change
 * at any time. The deadline must outlive the handle. */
bool deadline_add(LDAP *ldap, struct deadline *deadline) MUST_CHECK;

#endif
