/* Signals: received through a signalfd(2) in the event loops of all processes. */
#ifndef PROC_SIGNALS_H
#define PROC_SIGNALS_H

/* Blocks the signals that the service handles and returns a non-blocking signalfd(2) for them; -1
 * with errno set on failure. Blocked signals cannot interrupt system calls: libfcgi drops the
 * connection if its read(2) is interrupted. */
int signals_open(void);

#endif
