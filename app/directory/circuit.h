/*
 * Circuit: what all processes of the host know together about the controllers of LDAP_SERVER.
 *
 * One that finds a controller silent spares the others finding out by a time-out of their own; while
 * none serves, nobody asks any of them but the housekeeper's probe, and everybody else answers at
 * once (an open circuit). A refused password is remembered in the same way, and tried by one process
 * at a time: each try counts towards the lock-out of the service account.
 *
 * It stands in shared memory (base/shared.h), one for each set of directory settings, so that a
 * reload with changed settings begins anew and any other goes on. Nothing is ever locked: whoever
 * holds the one try to bind holds it until a time.
 *
 * Times are of the steady clock, in microseconds, which all processes of a host have in common; 0 is
 * never. Nothing here asks for the time or talks to anybody.
 */
#ifndef DIRECTORY_CIRCUIT_H
#define DIRECTORY_CIRCUIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct circuit;

enum { CIRCUIT_CONTROLLERS = 16 };

/* Moves all that is remembered to shared memory: in the master, before it forks. */
void circuit_share(void);

/* The one of these settings, which have `count` controllers; an empty one if they are new. */
struct circuit *circuit_get(const struct config *config, size_t count);

/* --- controllers ----------------------------------------------------------------------------- */

/* A connection was made and bound. */
void circuit_connected(struct circuit *circuit, size_t index, int64_t now);

/* An answer came. */
void circuit_answered(struct circuit *circuit, size_t index, int64_t now);

/* No connection could be made; `silent` if no answer came in time. */
void circuit_failed(struct circuit *circuit, size_t index, int64_t now, bool silent);

/* What was asked at `asked` was not answered in time. Returns whether that is held against the
 * controller: not if it has answered anybody else since, for then only the request was slow. */
bool circuit_unanswered(struct circuit *circuit, size_t index, int64_t asked, int64_t now);

/* It answers that it cannot serve at the moment: others are tried before it for a while. */
void circuit_busy(struct circuit *circuit, size_t index, int64_t now);

/* Whether others are to be tried before it. */
bool circuit_avoids(const struct circuit *circuit, size_t index, int64_t now);

/* Whether it was found silent after `since`. */
bool circuit_silent_since(const struct circuit *circuit, size_t index, int64_t since);

/* Whether one of those before it in LDAP_SERVER was found to serve lately. */
bool circuit_serves_before(const struct circuit *circuit, size_t index, int64_t now);

/* --- the whole ------------------------------------------------------------------------------- */

enum circuit_gate {
    CIRCUIT_CLOSED,  /* connections may be made */
    CIRCUIT_OPEN,    /* no controller serves */
    CIRCUIT_REFUSED, /* the service account was refused, and it is too early for another try */
};

enum circuit_gate circuit_gate(const struct circuit *circuit, int64_t now);

enum circuit_state { CIRCUIT_UNKNOWN, CIRCUIT_DOWN, CIRCUIT_UP };

/* As it was found last, however long ago. */
enum circuit_state circuit_controller_state(const struct circuit *circuit, size_t index);

/* The same of the whole: up if one controller is and the service account is not refused. */
enum circuit_state circuit_state(const struct circuit *circuit);

/* --- the service account --------------------------------------------------------------------- */

enum circuit_bind {
    BIND_ALLOWED, /* one of the next three is to follow */
    BIND_WAIT,    /* another process is trying */
    BIND_REFUSED, /* it was refused, and it is too early for another try */
};

/* Whether the service account may be tried now. Many at a time may only while it was accepted
 * lately. A try is over, whatever became of it, after `patience` microseconds. */
enum circuit_bind circuit_bind(struct circuit *circuit, size_t index, int64_t now,
                               int64_t patience);
void circuit_bind_accepted(struct circuit *circuit, size_t index, int64_t now);

/* If another controller has accepted it lately, that is a fault of this one alone (its copy of the
 * directory is behind, or broken), which is left out for a while; else of the password. */
void circuit_bind_refused(struct circuit *circuit, size_t index, int64_t now);
void circuit_bind_unanswered(struct circuit *circuit);

/* --- probes ---------------------------------------------------------------------------------- */

/* What the last probe of a controller found: how long it took (-1: it failed), and when it was, of
 * the wall clock in milliseconds. */
void circuit_probed(struct circuit *circuit, size_t index, int64_t latency_us, int64_t wall_ms);

/* Of the first controller that is up, -1 if there is none or it was not probed. */
int64_t circuit_latency(const struct circuit *circuit);

/* When the last probe of any controller was; 0: never. */
int64_t circuit_checked(const struct circuit *circuit);

#endif
