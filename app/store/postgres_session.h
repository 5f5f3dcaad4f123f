/* Session of PostgreSQL: its settings, and waiting for its socket. Private to store/. */
#ifndef STORE_POSTGRES_SESSION_H
#define STORE_POSTGRES_SESSION_H

#include <stdbool.h>
#include <stdint.h>

struct arena;

/* Returns the statements that configure a session. Each prepared statement keeps one generic plan:
 * planning it again for each value would take longer than most statements, and no statement needs a
 * different plan for different values. The server ends the session of a client that disconnects or
 * leaves a transaction idle. `more` is appended. */
const char *postgres_session_text(struct arena *arena, int64_t timeout_ms, const char *more);

/* Waits for poll(2)'s `events` on the socket of the session. Returns false if the deadline, a time
 * of the steady clock, passes. */
bool postgres_session_wait(int fd, short events, int64_t deadline_us);

#endif
