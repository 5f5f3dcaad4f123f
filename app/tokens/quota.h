/*
 * Token quota: bounds how many live tokens of anonymous callers there are (TOKENS_QUOTA). They are
 * counted in shared memory by the hour in which they expire, so that issuing one costs no further
 * statement and no row that all writers of PostgreSQL would wait for.
 *
 * The count is this host's, since the service was started. It errs on the side of refusing: a token
 * that was revoked, used up or not committed counts until it would have expired.
 */
#ifndef TOKENS_QUOTA_H
#define TOKENS_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

/* in which a live token may expire: the current hour and the next 24 */
enum { TOKEN_QUOTA_HOURS = 25 };

/* In the master, before it forks: from now on all processes count together. */
void tokens_quota_share(void);

/* Counts a token with these times of the wall clock; false, and nothing is counted, if there are
 * `quota` already. */
bool tokens_quota_take(int64_t quota, int64_t now_ms, int64_t expires_ms);

#endif
