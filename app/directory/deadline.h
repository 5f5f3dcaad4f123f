/*
 * Deadline: limits the time that a directory call takes. Times are microseconds of the steady
 * clock.
 */
#ifndef DIRECTORY_DEADLINE_H
#define DIRECTORY_DEADLINE_H

#include "base/error.h"

#include <ldap.h>
#include <stdbool.h>
#include <stdint.h>

struct deadline {
    int64_t connect_us, answer_us; /* the configured timeouts */
    int64_t call;                  /* end of the current call */
    int64_t io;                    /* end of the current read or write */
};

/* Begins a call, which ends after the sum of both timeouts. */
void deadline_begin(struct deadline *deadline);

/* Extends the call to at least `now` + answer_us, because an answer shows that the controller
 * serves. */
void deadline_extend(struct deadline *deadline, int64_t now);

/* Sets the deadline of reads and writes for a request; call it before sending. Returns how long the
 * answer may take, at least one microsecond. */
int64_t deadline_expect_answer(struct deadline *deadline);

/* Like deadline_expect_answer(), for a request with a deadline of its own, which may be later than
 * the end of the call. */
int64_t deadline_expect_answer_until(struct deadline *deadline, int64_t until);

/* Like deadline_expect_answer(), for connecting with TCP and TLS. */
int64_t deadline_expect_connect(struct deadline *deadline);

/* True if the deadline of the current read or write has passed. */
bool deadline_io_passed(const struct deadline *deadline);

/* Makes reads and writes of this handle fail with ETIMEDOUT at deadline->io, which may be changed
 * at any time. The deadline must outlive the handle. */
bool deadline_add(LDAP *ldap, struct deadline *deadline) MUST_CHECK;

#endif
