/*
 * Idempotency: a POST with an Idempotency-Key is done once for 24 hours a principal, and repeated as
 * often as a client likes (draft-ietf-httpapi-idempotency-key-header): the repetition gets the first
 * answer. A refusal is not kept: nothing was done, so it may be tried again. An error after which
 * the change may have been made is kept like any answer. A request that has ended without one, with
 * its worker, is answered ERR_OUTCOME_UNKNOWN when it can no longer be under way.
 *
 * The key is reserved before the request is handled and gets its answer afterwards. Where the change
 * itself is one of the database (the core pool), SQLite commits all three together; elsewhere the
 * reservation is committed first, so that a change whose worker dies in it is not made twice.
 */
#ifndef COLLECTION_IDEMPOTENCY_H
#define COLLECTION_IDEMPOTENCY_H

#include "http/router.h"

/* How long an answer is kept. */
enum { IDEMPOTENCY_KEPT_MS = 24 * 3600 * 1000 };

/* The hooks that main hands to the router. */
extern const struct router_repeats idempotency;

#endif
