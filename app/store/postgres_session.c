/* See postgres_session.h. */
#include "store/postgres_session.h"

#include "base/arena.h"
#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>

const char *postgres_session_text(struct arena *arena, int64_t timeout_ms, const char *more)
{
    return arena_format(arena,
                        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;"
                        "SET standard_conforming_strings = on;"
                        "SET plan_cache_mode = force_generic_plan;"
                        "SET client_connection_check_interval = '1s';"
                        "SET statement_timeout = %" PRId64 ";"
                        "SET idle_in_transaction_session_timeout = %" PRId64 ";%s",
                        timeout_ms, 2 * timeout_ms, more);
}

bool postgres_session_wait(int fd, short events, int64_t deadline_us)
{
    struct pollfd poll_fd = {.fd = fd, .events = events};
    for (;;) {
        int64_t left = deadline_us - clock_steady_us();
        int ready = poll(&poll_fd, 1, left > 0 ? (int)(left / US_PER_MS) + 1 : 0);
        if (ready > 0) {
            return true;
        }
        if (ready == 0 ? left <= 0 : errno != EINTR) {
            return false;
        }
    }
}
