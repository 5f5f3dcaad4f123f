/* See space.h. */
#include "base/space.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/shared.h"
#include "base/size.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

enum {
    FRESH_US = 100 * US_PER_MS, /* maximum age of a measurement that space_is_low() uses */
    INTERVAL_US = US_PER_S,
    INODES_MIN = 512, /* with fewer free inodes, the file system counts as full */
};

struct shared_space {
    _Atomic int64_t free_bytes, measured_us /* 0: never */, latency_us, checked_ms;
};

static struct shared_space own_space;
static struct shared_space *shared = &own_space;
static struct {
    int64_t reserve_bytes;
    const char *const *paths;
    bool low_logged;
} watched;

void space_share(void)
{
    shared = shared_alloc(sizeof *shared);
}

void space_configure(int64_t reserve_bytes, const char *const *paths)
{
    watched.reserve_bytes = reserve_bytes;
    watched.paths = paths;
}

/* --- measurement ----------------------------------------------------------------------------- */

/* Reads the state of the file system of the path, or of its nearest existing parent directory. */
static bool read_file_system(const char *path, struct statvfs *facts_r)
{
    char parent[PATH_MAX];
    if (snprintf(parent, sizeof parent, "%s", path) >= (int)sizeof parent) {
        return false;
    }
    while (statvfs(parent, facts_r) < 0) {
        char *slash = strrchr(parent, '/');
        if (errno != ENOENT || !slash) {
            return errno == ENOENT && statvfs(".", facts_r) == 0;
        }
        slash[slash == parent] = '\0';
    }
    return true;
}

/* Processes may measure concurrently; the result of each is valid. Skips file systems for which
 * statvfs(2) fails: code that writes there reports the cause. */
static void measure_space(void)
{
    int64_t began = clock_steady_us(), least = INT64_MAX;
    struct statvfs facts;
    for (const char *const *path = watched.paths; *path; path++) {
        if (read_file_system(*path, &facts)) {
            bool lacks_inodes = facts.f_files && facts.f_favail < INODES_MIN;
            int64_t free_bytes = lacks_inodes ? 0 : (int64_t)(facts.f_bavail * facts.f_frsize);
            least = free_bytes < least ? free_bytes : least;
        }
    }
    int64_t now = clock_steady_us();
    atomic_store(&shared->free_bytes, least);
    atomic_store(&shared->latency_us, now - began);
    atomic_store(&shared->checked_ms, clock_wall_ms());
    atomic_store(&shared->measured_us, now);
}

/* True if fewer than `bytes` bytes were free at the last measurement. */
static bool is_free_space_below(int64_t bytes)
{
    return atomic_load_explicit(&shared->measured_us, memory_order_relaxed) &&
           atomic_load_explicit(&shared->free_bytes, memory_order_relaxed) < bytes;
}

bool space_is_low(void)
{
    if (!watched.reserve_bytes) {
        return false;
    }
    int64_t measured_us = atomic_load_explicit(&shared->measured_us, memory_order_relaxed);
    if (!measured_us || clock_steady_us() - measured_us > FRESH_US) {
        measure_space();
    }
    return is_free_space_below(watched.reserve_bytes);
}

bool space_is_low_now(void)
{
    if (!watched.reserve_bytes) {
        return false;
    }
    measure_space();
    return is_free_space_below(watched.reserve_bytes);
}

bool space_is_critical(void)
{
    return watched.reserve_bytes && is_free_space_below(watched.reserve_bytes / 2);
}

void space_health(struct space_health *health_r)
{
    bool measured = atomic_load(&shared->measured_us);
    enum space_state state = is_free_space_below(watched.reserve_bytes) ? SPACE_LOW : SPACE_ENOUGH;
    *health_r = (struct space_health){
        .state = !watched.reserve_bytes ? SPACE_OFF
                 : measured             ? state
                                        : SPACE_UNKNOWN,
        .free_bytes = atomic_load(&shared->free_bytes),
        .reserve_bytes = watched.reserve_bytes,
        .latency_us = measured ? atomic_load(&shared->latency_us) : -1,
        .checked_ms = atomic_load(&shared->checked_ms),
    };
}

/* --- periodic measurement -------------------------------------------------------------------- */

static void log_low_space(bool low, int64_t free_bytes)
{
    if (low && !watched.low_logged) {
        log_error("disk: %" PRId64 " MiB free, below DISK_RESERVE_MIB: refusing writes of "
                  "untrusted callers",
                  free_bytes / MIB);
    } else if (!low && watched.low_logged) {
        log_info("disk: %" PRId64 " MiB free, accepting all writes again", free_bytes / MIB);
    }
    watched.low_logged = low;
}

int64_t space_watch(void)
{
    measure_space();
    log_low_space(is_free_space_below(watched.reserve_bytes), atomic_load(&shared->free_bytes));
    return clock_steady_us() + INTERVAL_US;
}
