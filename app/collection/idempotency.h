/*
 * Idempotency: a POST with an Idempotency-Key is carried out once within 24 hours for each
 * principal, and can be repeated any number of times (draft-ietf-httpapi-idempotency-key-header):
 * each repetition gets the first answer. An error after which nothing was changed is not stored, so
 * the request may be sent again. An error after which the change may have been made is stored like
 * any other answer. If a request ended without an answer, because its worker crashed, repetitions
 * get ERR_OUTCOME_UNKNOWN once it can no longer be under way.
 *
 * The key is reserved before the request is handled, and its answer is stored afterwards. If the
 * change is one of the database (pool core), SQLite commits all three together; otherwise the
 * reservation is committed first, so that the change is not made twice if the worker crashes
 * meanwhile.
 */
#ifndef COLLECTION_IDEMPOTENCY_H
#define COLLECTION_IDEMPOTENCY_H

#include "base/clock.h"
#include "http/router.h"

/* How long an answer is kept. */
enum { IDEMPOTENCY_KEPT_MS = MS_PER_DAY };

/* The hooks that service/ hands to the router. */
extern const struct router_repeats idempotency;

#endif
