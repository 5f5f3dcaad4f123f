/*
 * Circuit: the state of the controllers of LDAP_SERVER, shared by all processes of the host.
 *
 * A timeout that one process observes spares the others the same timeout. While no controller
 * serves, the circuit is open: only the probe of the housekeeper (the process for periodic jobs)
 * contacts them, and all other calls fail at once. A refused service account is shared in the same
 * way: then only one process at a time tries to bind, because each failure counts towards the
 * lockout of the account.
 *
 * The states are in shared memory (base/shared.h), separately for each set of directory settings: a
 * reload with changed settings begins with empty states, any other reload keeps them. There are no
 * locks: a process that reserves the right to try a bind holds it until a deadline.
 *
 * Times are microseconds of the steady clock, which is the same for all processes of a host; 0
 * means never. No function here reads the clock or does I/O.
 */
#ifndef DIRECTORY_CIRCUIT_H
#define DIRECTORY_CIRCUIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct circuit;

enum { CIRCUIT_CONTROLLERS = 16 }; /* maximum number of controllers in LDAP_SERVER */

/* Moves all states to shared memory. The master calls it before it forks. */
void circuit_share(void);

/* Returns the circuit of these settings, which name `count` controllers; an empty one if the
 * settings are new. */
struct circuit *circuit_get(const struct config *config, size_t count);

/* --- controllers ----------------------------------------------------------------------------- */

/* Records a successful connection and bind. */
void circuit_record_connection(struct circuit *circuit, size_t index, int64_t now);

/* Records an answer to any request. */
void circuit_record_answer(struct circuit *circuit, size_t index, int64_t now);

/* Records a failure to connect; `silent` is true for a timeout. */
void circuit_record_failure(struct circuit *circuit, size_t index, int64_t now, bool silent);

/* Call it if a request sent at `asked` timed out. Marks the controller as silent and returns true,
 * unless it has answered another request since: then only this request was slow. */
bool circuit_record_timeout(struct circuit *circuit, size_t index, int64_t asked, int64_t now);

/* Records that the controller answers that it cannot serve: it is avoided for some seconds. */
void circuit_record_busy(struct circuit *circuit, size_t index, int64_t now);

/* True if other controllers are to be tried before this one. */
bool circuit_is_avoided(const struct circuit *circuit, size_t index, int64_t now);

/* True if the controller was marked as silent after `since`. */
bool circuit_was_silent_since(const struct circuit *circuit, size_t index, int64_t since);

/* True if a controller that precedes this one in LDAP_SERVER served recently. */
bool circuit_has_better_controller(const struct circuit *circuit, size_t index, int64_t now);

/* --- the circuit ----------------------------------------------------------------------------- */

enum circuit_gate {
    CIRCUIT_CLOSED,  /* connections may be opened */
    CIRCUIT_OPEN,    /* no controller serves */
    CIRCUIT_REFUSED, /* the service account was refused, and its backoff has not ended */
};

/* Tells whether connections may be opened now. */
enum circuit_gate circuit_gate(const struct circuit *circuit, int64_t now);

enum circuit_state { CIRCUIT_UNKNOWN, CIRCUIT_DOWN, CIRCUIT_UP };

/* Returns the last known state of a controller, however old. */
enum circuit_state circuit_controller_state(const struct circuit *circuit, size_t index);

/* Returns the state of the directory: up if a controller is up and the service account is not
 * refused. */
enum circuit_state circuit_state(const struct circuit *circuit);

/* --- the service account --------------------------------------------------------------------- */

enum circuit_bind {
    CIRCUIT_BIND_ALLOWED, /* bind, then record the result with one of the next three functions */
    CIRCUIT_BIND_WAIT,    /* another process is binding: ask again */
    CIRCUIT_BIND_REFUSED, /* the account was refused, and its backoff has not ended */
};

/* Asks for permission to bind as the service account. While a bind succeeded recently, all
 * processes may bind; otherwise only one may, which holds the permission for at most `timeout_us`
 * microseconds. */
enum circuit_bind circuit_bind(struct circuit *circuit, size_t index, int64_t now,
                               int64_t timeout_us);

/* Records a successful bind. */
void circuit_record_bind_success(struct circuit *circuit, size_t index, int64_t now);

/* Records a refused bind. If another controller accepted the account recently, only this controller
 * is at fault (its replica is outdated or broken) and is avoided for a minute; otherwise the
 * password is wrong, and binds to all controllers back off. */
void circuit_record_bind_refusal(struct circuit *circuit, size_t index, int64_t now);

/* Records that the outcome of a bind is unknown. */
void circuit_record_bind_unknown(struct circuit *circuit);

/* --- probes ---------------------------------------------------------------------------------- */

/* Records the result of a probe: its duration (-1 if it failed) and its time (wall clock, ms). */
void circuit_record_probe(struct circuit *circuit, size_t index, int64_t latency_us,
                          int64_t wall_ms);

/* Returns the duration of the last probe of the first controller that is up; -1 if there is
 * none. */
int64_t circuit_latency(const struct circuit *circuit);

/* Returns the time of the last probe of any controller (wall clock, ms); 0: never. */
int64_t circuit_last_probe_ms(const struct circuit *circuit);

#endif
