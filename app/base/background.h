/*
 * Background: lets long computations, such as password hashing, yield the CPU to other processes.
 * A low scheduling priority alone is not enough:
 *
 * - Linux first divides CPU time among sessions (sched(7), "The autogroup feature"), and only then
 *   among the processes of one session.
 * - A running process keeps the CPU until the next scheduler tick, up to 10 ms, even if a process
 *   of higher priority is runnable.
 */
#ifndef BASE_BACKGROUND_H
#define BASE_BACKGROUND_H

/* Starts a new session and lowers the priority of the session and of the process. Logs a warning
 * for each step that the system refuses. */
void background_enter(void);

/* Between these two calls, the thread calls sched_yield() every 0.5 ms. Uses SIGALRM and the timer
 * ITIMER_REAL; the signal restarts interrupted system calls (SA_RESTART). */
void background_begin(void);
void background_end(void);

#endif
