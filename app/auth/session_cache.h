/*
 * Session cache: sessions that were alive when the database was last asked, in memory that all
 * processes of one host share, so that the check of a session costs no statement a request.
 *
 * A session is fresh for SESSION_FRESH_S; then the database is to be asked again, so that an end on
 * another host or by `kontora sessions end` shows within that time. An end on this host shows at
 * once: session_cache_end() makes unknown what was kept before, and what is kept later by a process
 * that had asked the database earlier (see the generation).
 *
 * The memory is a file in STATE_DIR, so that the directory is served after a restart without the
 * database too (see auth.c). It holds nothing that opens a session.
 *
 * Guarantees: no lock; a process may be killed at any line. A slot that is half written does not
 * match its checksum and is unknown.
 */
#ifndef AUTH_SESSION_CACHE_H
#define AUTH_SESSION_CACHE_H

#include "base/random.h"

#include <stdbool.h>
#include <stdint.h>

enum { SESSION_FRESH_S = 2 };

/* The facts of a live session that the check of a request needs. */
struct session_facts {
    int64_t epoch;
    int64_t expires_ms;
    bool administrator;
};

enum session_known {
    SESSION_UNKNOWN,
    SESSION_STALE, /* alive when the database was last asked, longer ago than SESSION_FRESH_S */
    SESSION_FRESH,
};

/* In the master, before it forks: from now on all processes use the same slots. If there is no file
 * at `path`, they begin empty. */
void session_cache_share(const char *path);

/* Finds a session of a subject. An expired one is unknown. */
enum session_known session_cache_find(const unsigned char id[RANDOM_ID_BYTES], const char *subject,
                                      struct session_facts *facts_r);

/* To be read before the database is asked, and given to session_cache_keep(). */
uint64_t session_cache_generation(const unsigned char id[RANDOM_ID_BYTES]);

/* Keeps a session that was alive when the database was asked. */
void session_cache_keep(const unsigned char id[RANDOM_ID_BYTES], const char *subject,
                        uint64_t generation, const struct session_facts *facts);

/* Makes one session unknown, or all of them, at once. session_cache_committed() does so again
 * after the commit. */
void session_cache_end(const unsigned char id[RANDOM_ID_BYTES]);
void session_cache_end_all(void);

/* Call after the commit of the ends: makes those sessions unknown once more. */
void session_cache_committed(void);

#endif
