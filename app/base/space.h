/*
 * Space: measures the free space of the file systems that the service writes to, and compares it
 * with the reserve (DISK_RESERVE_MIB). The service refuses writes of untrusted callers while less
 * than the reserve is free, so that logins, deletions and the audit log still find space.
 *
 * All processes share the last measurement. A small write is decided by a measurement of the last
 * tenth of a second. An upload is decided by a new one, because uploads can write many MiB in a
 * tenth of a second. The housekeeper measures every second, for readiness and metrics only.
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

/* True if less than the reserve is free. Measures if the last measurement is older than 100 ms. */
bool space_is_low(void);

/* True if less than the reserve is free now. Always measures: one statvfs(2) for each path. */
bool space_is_low_now(void);

/* True if less than half of the reserve was free at the last measurement. Never measures: for each
 * line of a log. */
bool space_is_critical(void);

/* The last measurement, of any process. */
void space_health(struct space_health *health_r);

/* The housekeeper's job: measures, and logs each change. Returns when to be called again, of the
 * steady clock. */
int64_t space_watch(void);

#endif
