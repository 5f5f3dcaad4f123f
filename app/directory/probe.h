/* Probe: checks and reports the health of the domain controllers. */
#ifndef DIRECTORY_PROBE_H
#define DIRECTORY_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct directory;

enum directory_state {
    DIRECTORY_OFF,     /* LDAP_SERVER is empty */
    DIRECTORY_UNKNOWN, /* no request was sent yet */
    DIRECTORY_DOWN,    /* no controller serves, or the service account is refused */
    DIRECTORY_UP,
};

struct directory_health {
    enum directory_state state;
    bool open;                /* the circuit is open: only the probe contacts the controllers */
    int64_t latency_us;       /* duration of the last probe (connect, bind, read); -1: unknown */
    int64_t checked_ms;       /* wall clock: time of the last probe; 0: never */
    size_t up, down, unknown; /* numbers of controllers */
};

/* Returns the shared state of the controllers, without a request. */
void directory_health(const struct directory *directory, struct directory_health *health_r);

/* Probes the next controller that is due, and records the result for all processes. A controller is
 * due every five seconds, or every second while none serves. The housekeeper (the process for
 * periodic jobs) calls it. It may take as long as any directory call. Returns the time of the next
 * call (steady clock). */
int64_t directory_probe(struct directory *directory);

#endif
