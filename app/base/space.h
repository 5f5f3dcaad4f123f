/*
 * Space: how much is free on the file systems that this host's service writes to, and whether that
 * is less than the reserve (DISK_RESERVE_MIB). Writes of untrusted callers are refused in the
 * reserve, so that logins, deletions and the audit log still find space there.
 *
 * The last measurement is shared by all processes. statvfs(2) costs a microsecond, so whoever
 * decides about a write measures again if the last measurement is older than a tenth of a second:
 * admission never waits for the housekeeper, which measures every second for readiness and metrics
 * alone.
 */
#ifndef BASE_SPACE_H
#define BASE_SPACE_H

#include <stdbool.h>
#include <stdint.h>

enum space_state {
    SPACE_OFF,     /* no reserve is configured */
    SPACE_UNKNOWN, /* not measured yet */
    SPACE_LOW,     /* less than the reserve is free */
    SPACE_ENOUGH,
};

struct space_health {
    enum space_state state;
    int64_t free_bytes;    /* on the file system that has the least */
    int64_t reserve_bytes; /* 0: none */
    int64_t latency_us;    /* of the last measurement; -1: there was none */
    int64_t checked_ms;    /* wall clock; 0: never */
};

/* In the master, before it forks: from now on all processes share the measurements. */
void space_share(void);

/* In each process: the reserve, and paths on the file systems to watch, NULL after the last. They
 * need not exist yet, and must live as long as the process. */
void space_enter(int64_t reserve_bytes, const char *const *paths);

/* True if less than the reserve is free. */
bool space_is_low(void);

/* True if less than half of the reserve was free at the last measurement. Never measures: for each
 * line of a log. */
bool space_is_critical(void);

/* The last measurement, of any process. */
void space_health(struct space_health *health_r);

/* The housekeeper's job: measures, and logs each change. Returns when to be called again, of the
 * steady clock. */
int64_t space_watch(void);

#endif
