/* Probe: the health of the domain controllers. */
#ifndef DIRECTORY_PROBE_H
#define DIRECTORY_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct directory;

enum directory_state {
    DIRECTORY_OFF,     /* LDAP_SERVER is empty */
    DIRECTORY_UNKNOWN, /* nothing has been asked of it yet */
    DIRECTORY_DOWN,    /* no controller serves, or the service account is refused */
    DIRECTORY_UP,
};

struct directory_health {
    enum directory_state state;
    bool open;                /* nothing is asked of the controllers but by the probe */
    int64_t latency_us;       /* of the last probe: connecting, bind and a read; -1: not known */
    int64_t checked_ms;       /* when that was, of the wall clock; 0: never */
    size_t up, down, unknown; /* controllers */
};

/* Returns the result of the last probes of all processes, without a request. */
void directory_health(const struct directory *directory, struct directory_health *health_r);

/* For the housekeeper: probes the controller whose turn it is, if any (every five seconds, every
 * second while none serves), and notes what it finds for all processes. It may take as long as any
 * call of the directory. Returns when to call it again, of the steady clock. */
int64_t directory_probe(struct directory *directory);

#endif
