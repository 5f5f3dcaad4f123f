/* Signals: master and workers read them from a descriptor in their loops. */
#ifndef PROC_SIGNALS_H
#define PROC_SIGNALS_H

/* Blocks all that we take and returns a non-blocking signalfd(2) that yields them, -1 on failure.
 * Blocked, they interrupt no system call: one in the middle of libfcgi's read would cost a request. */
int signals_open(void);

#endif
