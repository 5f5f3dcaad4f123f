/*
 * Limits: how much one verified caller and one organization may ask of the workers, counted for all
 * workers together. An address is counted by nginx; an unverified name is no key of any limit here.
 */
#ifndef REST_LIMITS_H
#define REST_LIMITS_H

#include "http/reply.h"
#include "http/request.h"

#include <stdbool.h>
#include <stddef.h>

/* In the master, before it forks. Until then nothing is counted. */
void limits_share(void);

/* Called before a request is handled: ERR_OVERLOADED if a request that hashes a password has
 * waited for a worker for longer than LOGIN_QUEUE_MS. That can happen because the length of the
 * queue is an estimate. */
struct error *limits_check_queue(const struct request *request) MUST_CHECK;

/* Returns how many requests may be queued for the workers of `auth`, so that the last of them
 * waits for LOGIN_QUEUE_MS; 0 while the time of a hash is unknown. nginx passes further requests
 * to `directory`. */
size_t limits_queue_length(const struct config *config) MUST_CHECK;

/* True if the request hashes a password and was passed to `directory`, because the queue of
 * `auth` was full. */
bool limits_is_overflow(const struct request *request);

/* Called before a password is hashed: ERR_OVERLOADED if the request is overflow, unless its
 * source is known and fewer than half of the workers of `directory` are hashing. */
struct error *limits_admit_hash(const struct request *request, bool known) MUST_CHECK;

/* When the principal is known: ERR_TOO_MANY_REQUESTS if the caller or the organization has asked
 * too often, has too many uploads in workers, or had too many in the spool, which then has cut the
 * body off. Otherwise limits_end() follows. */
struct error *limits_begin(const struct request *request) MUST_CHECK;

/* The handler has returned. */
void limits_end(const struct request *request);

/* Counts a token that a verified caller issues against TOKENS_SUBJECT_QUOTA:
 * ERR_TOO_MANY_REQUESTS. Administrators are not limited. */
struct error *limits_count_token(const struct request *request,
                                 int64_t lifetime_minutes) MUST_CHECK;

/* Names the caller and the organization in the answer 100 as owners of an upload, so that the spool
 * counts it (proc/owners.h). Anonymous callers are one owner together. */
void limits_name_owners(const struct request *request, struct reply *reply);

#endif
