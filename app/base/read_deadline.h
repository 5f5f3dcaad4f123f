/*
 * Read deadline: limits the total time that a library spends on reading from a socket. libfcgi
 * blocks in read(2) until it has enough bytes, and a socket timeout would restart with each byte
 * received. At the deadline, the socket is shut down for reading: bytes that have arrived can still
 * be read, then read(2) returns end of file.
 *
 * Only one deadline can be active at a time. Uses SIGALRM and ITIMER_REAL, as base/background.h
 * does, so sections of the two must not overlap.
 */
#ifndef BASE_READ_DEADLINE_H
#define BASE_READ_DEADLINE_H

#include <stdint.h>

/* Starts a section in which `fd` is read. The deadline is a time of clock_steady_us(). */
void read_deadline_begin(int fd, int64_t deadline_us);

/* Ends the section and stops the timer. */
void read_deadline_end(void);

#endif
