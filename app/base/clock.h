/* Clock: the two clocks of the system and their text forms. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Units of time. Each fits an int; use int64_t for multiples that do not. */
enum {
    MS_PER_S = 1000,
    US_PER_MS = 1000,
    NS_PER_US = 1000,
    US_PER_S = US_PER_MS * MS_PER_S,
    NS_PER_MS = NS_PER_US * US_PER_MS,
    S_PER_MINUTE = 60,
    MINUTES_PER_HOUR = 60,
    HOURS_PER_DAY = 24,
    MINUTES_PER_DAY = MINUTES_PER_HOUR * HOURS_PER_DAY,
    S_PER_HOUR = S_PER_MINUTE * MINUTES_PER_HOUR,
    S_PER_DAY = S_PER_HOUR * HOURS_PER_DAY,
    MS_PER_MINUTE = MS_PER_S * S_PER_MINUTE,
    MS_PER_HOUR = MS_PER_S * S_PER_HOUR,
    MS_PER_DAY = MS_PER_S * S_PER_DAY,
    US_PER_MINUTE = US_PER_S * S_PER_MINUTE,
};

enum { CLOCK_TEXT_SIZE = 32 };

/* Milliseconds since the epoch: what is written down. It can be stepped by an administrator. */
int64_t clock_wall_ms(void);

/* Microseconds of a clock that only goes forward: for durations and deadlines. */
int64_t clock_steady_us(void);

/* Detects steps of the wall clock. Zero-initialized. */
struct clock_watch {
    int64_t lead_ms; /* wall clock minus steady clock at the last call */
    bool begun;
};

/* True if the wall clock was set back since the last call by more than the usual adjustments,
 * and at the first call, because it may have been set back before. */
bool clock_stepped_back(struct clock_watch *watch, int64_t wall_ms, int64_t steady_us);

/* Writes 2026-11-20T12:34:56.789Z (RFC 3339, UTC) and returns `text`. */
char *clock_format(int64_t wall_ms, char text[CLOCK_TEXT_SIZE]);

/* What a text names, as a span of time: from the first millisecond to the first one after it. */
struct clock_span {
    int64_t from_ms, until_ms;
};

/* Reads a date, 2026-11-20, which is a day in UTC, or a time, 2026-11-20T12:34:56.789Z, whose
 * fraction may be absent or of any length, cut after milliseconds, and which may have an offset such
 * as +03:00 (RFC 3339 5.6). The years are 1 to 9999, in UTC too: what is read can be written. False if
 * it is neither. span_r may be NULL. */
bool clock_parse_date(const char *text, struct clock_span *span_r);
bool clock_parse_time(const char *text, struct clock_span *span_r);

#endif
