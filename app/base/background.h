/*
 * Background: long computations, such as the hash of a password, that leave the processor to whoever
 * wants it. A low priority alone does not do that:
 *
 * - Linux weighs a session against other sessions first (sched(7), "The autogroup feature"), and only
 *   then the processes of one against each other.
 * - Whoever has the processor keeps it until the next tick, up to 10 ms, even when somebody more
 *   important waits.
 */
#ifndef BASE_BACKGROUND_H
#define BASE_BACKGROUND_H

/* Makes the process one that others go before: in a session of its own, at a low priority. What the
 * system does not let it have goes to the log. */
void background_enter(void);

/* From the first to the second, the thread offers the processor every half a millisecond. Uses
 * SIGALRM and the timer ITIMER_REAL; system calls in between are restarted. */
void background_begin(void);
void background_end(void);

#endif
