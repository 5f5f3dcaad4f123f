/*
 * Limits: bounds the load from one verified caller and from one organization, counted in all
 * workers together. nginx limits the requests of an IP address. Unverified names are not used as
 * keys here.
 */
#ifndef REST_LIMITS_H
#define REST_LIMITS_H

#include "http/reply.h"
#include "http/request.h"

#include <stdbool.h>
#include <stddef.h>

/* Allocates the shared counters. Called in the master, before it forks; nothing is counted
 * earlier. */
void limits_share(void);

/* Called before a request is handled. ERR_OVERLOADED if a request that hashes a password has waited
 * longer than LOGIN_QUEUE_MS for a worker, which happens if limits_queue_length() was too high. */
struct error *limits_check_queue(const struct request *request) MUST_CHECK;

/* Estimates how many requests may be queued for the workers of `auth` so that the last one waits
 * LOGIN_QUEUE_MS; 0 if the time of a hash is not known yet. nginx passes further requests to
 * `overflow`. */
size_t limits_queue_length(const struct config *config) MUST_CHECK;

/* True if the request runs in `overflow`, because the queue of `auth` was full. */
bool limits_is_overflow(const struct request *request);

/* Called before a password is hashed. ERR_OVERLOADED for an overflow request
 * (limits_is_overflow()) whose source is not known for the name. */
struct error *limits_admit_hash(const struct request *request, bool known) MUST_CHECK;

/* Called when the principal is known. ERR_TOO_MANY_REQUESTS if the caller or the organization
 * exceeds its rate of requests or uploads, or its number of concurrent uploads in workers or in the
 * spool, which then has cut off the body. Otherwise, limits_end() must follow. */
struct error *limits_begin(const struct request *request) MUST_CHECK;

/* Called when the handler has returned. */
void limits_end(const struct request *request);

/* Counts a token that a verified caller issues. ERR_TOO_MANY_REQUESTS if the caller exceeds
 * TOKENS_SUBJECT_QUOTA. Administrators are not limited. */
struct error *limits_count_token(const struct request *request,
                                 int64_t lifetime_minutes) MUST_CHECK;

/* Adds the owners of an upload, the caller and the organization, to the response with status 100,
 * so that the spool counts their uploads (proc/owners.h). All anonymous callers are one owner. */
void limits_name_owners(const struct request *request, struct reply *reply);

#endif
