/*
 * Read deadline: bounds the time for which a library reads from a socket. Such a library blocks in
 * read(2) until it has what it needs, and a timeout of the socket begins again with each byte. At
 * the deadline, reading is shut down: bytes that have arrived are still read, then comes the end of
 * file. The peer can send no more.
 *
 * One deadline at a time. Uses SIGALRM and the timer ITIMER_REAL, as base/background.h does: the
 * sections of the two must not overlap.
 */
#ifndef BASE_READ_DEADLINE_H
#define BASE_READ_DEADLINE_H

#include <stdint.h>

/* Begins the section in which `fd` is read; the deadline is a time of the steady clock. */
void read_deadline_begin(int fd, int64_t deadline_us);

/* Ends the section. */
void read_deadline_end(void);

#endif
