/*
 * Pace: the transfer rate that an upload must keep. The required rate grows with time, so that a
 * slow link is served, and nobody holds a connection for long without sending much.
 *
 *   elapsed < START              nothing is required
 *   otherwise                    bytes ≥ 2 KiB/s × 2^k × elapsed,
 *                                with k = ⌊(elapsed − START) / (2 × START)⌋
 *
 * START is the setting UPLOAD_SLOW_START_S, 60 s by default. Then 2 KiB/s on average are required
 * after one minute, 4 after three, 8 after five, 16 after seven and 32 after nine; 17 MiB, which is
 * all that nginx lets through, are therefore sent or cut off within nine minutes. A constant rate
 * of 31 KiB/s (254 kbit/s) is enough for the largest file of 16 MiB, 16 KiB/s (131 kbit/s) for 8.4
 * MiB, 8 KiB/s (66 kbit/s) for 3.2 MiB, 4 KiB/s (33 kbit/s) for 1.1 MiB.
 */
#ifndef PROC_PACE_H
#define PROC_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum { PACE_FIRST_RATE = 2048 }; /* bytes a second */

/* True if so many bytes in so much time of the steady clock are too few. */
bool pace_is_too_slow(int64_t elapsed_us, int64_t bytes, int64_t start_s);

#endif
