/*
 * Read deadline: bounds the time for which a library may read from a socket. libfcgi blocks in
 * read(2) until it has the bytes that it needs, and a socket timeout would start again with each
 * byte. At the deadline the socket is shut down for reading: bytes that have arrived can still be
 * read, then read(2) returns end of file. Bytes that the peer sends later are not read.
 *
 * Only one deadline at a time. Uses SIGALRM and ITIMER_REAL, as base/background.h does: their
 * sections must not overlap.
 */
#ifndef BASE_READ_DEADLINE_H
#define BASE_READ_DEADLINE_H

#include <stdint.h>

/* Begins a section in which `fd` is read. The deadline is a time of the steady clock. */
void read_deadline_begin(int fd, int64_t deadline_us);

/* Ends the section: no deadline applies any more. */
void read_deadline_end(void);

#endif
