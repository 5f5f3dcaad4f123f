/*
 * Idempotency: a POST with an Idempotency-Key is executed once within 24 hours for each principal.
 * It may be repeated any number of times, and each repetition gets the first response
 * (draft-ietf-httpapi-idempotency-key-header). The response is not stored after an error that
 * changed nothing, so the request may be sent again. It is stored after an error that may have
 * changed something. If a request ended without a response, because its worker crashed, repetitions
 * get ERR_OUTCOME_UNKNOWN as soon as the request cannot be running any more.
 *
 * The key is reserved before the request is handled, and the response is stored afterwards. If the
 * request changes only the database (pool core), SQLite commits reservation, change and response
 * together. Otherwise the reservation is committed first, so that the change is not repeated after
 * a crash.
 */
#ifndef REST_IDEMPOTENCY_H
#define REST_IDEMPOTENCY_H

#include "base/clock.h"
#include "http/router.h"

/* Time for which a response is stored. */
enum { IDEMPOTENCY_KEPT_MS = MS_PER_DAY };

/* The hooks of the router; service/ installs them. */
extern const struct router_idempotency idempotency;

#endif
