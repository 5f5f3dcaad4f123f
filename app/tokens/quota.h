/*
 * Token quota: limits the number of live tokens of anonymous callers (TOKENS_QUOTA). They are
 * counted in shared memory by the hour in which they expire, so that issuing a token needs no
 * further statement, and no row for which all writers of PostgreSQL would wait.
 *
 * The count covers the tokens issued on this host since the service was started. It can be too
 * high, never too low: a token that was revoked, used up or not committed counts until its expiry.
 */
#ifndef TOKENS_QUOTA_H
#define TOKENS_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

/* Number of hours in which a live token may expire: the current hour and the next 24. */
enum { TOKEN_QUOTA_HOURS = 25 };

/* Called by the master before it forks: from now on all processes share the counts. */
void tokens_quota_share(void);

/* Counts a token; both times are of the wall clock. Returns false, and counts nothing, if the quota
 * is reached. */
bool tokens_quota_take(int64_t quota, int64_t now_ms, int64_t expires_ms);

#endif
