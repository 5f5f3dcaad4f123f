/* Clock: the two clocks of the system and their text forms. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

enum { CLOCK_TEXT_SIZE = 32 };

/* Milliseconds since the epoch: what is written down. It can be stepped by an administrator. */
int64_t clock_wall_ms(void);

/* Microseconds of a clock that only goes forward: for durations and deadlines. */
int64_t clock_steady_us(void);

/* Writes 2026-11-20T12:34:56.789Z (RFC 3339, UTC) and returns `text`. */
char *clock_format(int64_t wall_ms, char text[CLOCK_TEXT_SIZE]);

#endif
