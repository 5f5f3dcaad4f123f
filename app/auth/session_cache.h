/*
 * Session cache: live sessions, in memory that all processes of one host share, so that most
 * requests need no query to check their session.
 *
 * An entry is fresh for SESSION_FRESH_S after the database was read; then it must be read again, so
 * that a session that ends on another host, or by `kontora sessions end`, is rejected within that
 * time. A session that ends on this host is rejected at once: session_cache_invalidate()
 * invalidates its entry, and also any entry that another process stores later but has read before
 * (see session_cache_generation()).
 *
 * The memory is a file in STATE_DIR, so that directory users can work after a restart even while
 * the database is down (see auth.c). It contains nothing that a client could authenticate with.
 *
 * Guarantees: there are no locks, and a process may be killed at any point. A partly written entry
 * does not match its checksum and is ignored.
 */
#ifndef AUTH_SESSION_CACHE_H
#define AUTH_SESSION_CACHE_H

#include "base/random.h"

#include <stdbool.h>
#include <stdint.h>

enum { SESSION_FRESH_S = 2 };

/* The data of a live session that the check of a request needs. */
struct session_facts {
    int64_t epoch;
    int64_t expires_ms;
    bool administrator;
};

enum session_cache_state {
    SESSION_UNKNOWN,
    SESSION_STALE, /* the entry was read from the database longer ago than SESSION_FRESH_S */
    SESSION_FRESH,
};

/* Called by the master before it forks: from now on all processes share the cache, in the file at
 * `path`. Creates the file if it does not exist. */
void session_cache_share(const char *path);

/* Finds the session with this id and subject. An expired session is unknown. */
enum session_cache_state session_cache_find(const unsigned char id[RANDOM_ID_BYTES],
                                            const char *subject, struct session_facts *facts_r);

/* Returns the generation that session_cache_store() needs. Must be called before the session is
 * read from the database: if the session ends in between, the stored entry is invalid. */
uint64_t session_cache_generation(const unsigned char id[RANDOM_ID_BYTES]);

/* Stores a session that was alive when the database was read. */
void session_cache_store(const unsigned char id[RANDOM_ID_BYTES], const char *subject,
                         uint64_t generation, const struct session_facts *facts);

/* Invalidate the entry of one session, or all entries, at once. session_cache_after_commit() does
 * so again after the commit. */
void session_cache_invalidate(const unsigned char id[RANDOM_ID_BYTES]);
void session_cache_invalidate_all(void);

/* Called after the commit that ended the sessions: invalidates their entries once more, because
 * another process may have read the sessions before the commit. */
void session_cache_after_commit(void);

#endif
