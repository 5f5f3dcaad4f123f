/*
 * Space: measures the free space of the file systems that the service writes to, and compares it
 * with the reserve (DISK_RESERVE_MIB). The service refuses writes of untrusted callers while less
 * than the reserve is free, so that logins, deletions and the audit log still find space.
 *
 * All processes share the last measurement. Small writes use a measurement that is at most 0.1 s
 * old. Each upload triggers a new measurement, because uploads can write many MiB within 0.1 s. The
 * housekeeper (the process for periodic jobs, proc/housekeeper.h) measures every second for the
 * readiness check and the metrics.
 */
#ifndef BASE_SPACE_H
#define BASE_SPACE_H

#include <stdbool.h>
#include <stdint.h>

enum space_state {
    SPACE_OFF,     /* no reserve is configured */
    SPACE_UNKNOWN, /* not measured yet */
    SPACE_LOW,     /* less than the reserve is free */
    SPACE_ENOUGH,  /* at least the reserve is free */
};

struct space_health {
    enum space_state state;
    int64_t free_bytes;    /* free bytes of the file system that has the fewest */
    int64_t reserve_bytes; /* 0: no reserve */
    int64_t latency_us;    /* duration of the last measurement; -1: not measured yet */
    int64_t checked_ms;    /* wall-clock time of the last measurement; 0: not measured yet */
};

/* Moves the measurements to shared memory. Called by the master before it forks. */
void space_share(void);

/* Called in each process: sets the reserve and a NULL-terminated array of paths on the file systems
 * to watch. The paths need not exist yet; the array must live as long as the process. */
void space_configure(int64_t reserve_bytes, const char *const *paths);

/* True if less than the reserve is free. Measures if the last measurement is older than 100 ms. */
bool space_is_low(void);

/* True if less than the reserve is free now. Always measures: one statvfs(2) for each path. */
bool space_is_low_now(void);

/* True if less than half of the reserve was free at the last measurement. Never measures, so it is
 * cheap enough to be called for each log line. */
bool space_is_critical(void);

/* Returns the last measurement, whichever process made it. */
void space_health(struct space_health *health_r);

/* Periodic job of the housekeeper: measures, and logs when the state changes. Returns the time of
 * its next run, of clock_steady_us(). */
int64_t space_watch(void);

#endif
