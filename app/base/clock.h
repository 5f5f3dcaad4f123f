/* Clock: wall-clock and monotonic time; formatting and parsing of dates and times. */
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

/* Returns the wall-clock time in milliseconds since the Unix epoch. An administrator or NTP can
 * step this clock. Used for stored and displayed times. */
int64_t clock_wall_ms(void);

/* Returns the monotonic clock in microseconds. Used for durations and deadlines. */
int64_t clock_steady_us(void);

/* State of clock_stepped_back(). Must be zero-initialized. */
struct clock_watch {
    int64_t lead_ms; /* wall clock minus monotonic clock at the last call */
    bool begun;
};

/* True if the wall clock was set back by more than one second since the last call. Also true on the
 * first call, because the clock may have been set back before. */
bool clock_stepped_back(struct clock_watch *watch, int64_t wall_ms, int64_t steady_us);

/* Writes 2026-11-20T12:34:56.789Z (RFC 3339, UTC) and returns `text`. */
char *clock_format(int64_t wall_ms, char text[CLOCK_TEXT_SIZE]);

/* A half-open interval of wall-clock time: from_ms <= t < until_ms. */
struct clock_span {
    int64_t from_ms, until_ms;
};

/*
 * Parse a date, such as 2026-11-20, or a time, such as 2026-11-20T12:34:56.789Z (RFC 3339, section
 * 5.6), and return the interval that it names: a day in UTC, or one millisecond. The fraction of a
 * second is optional and cut after milliseconds; the offset may also be of the form +03:00. The
 * year must be 1 to 9999, also after conversion to UTC, so that clock_format() can write the
 * result. Return false on malformed input. span_r may be NULL.
 */
bool clock_parse_date(const char *text, struct clock_span *span_r);
bool clock_parse_time(const char *text, struct clock_span *span_r);

#endif
