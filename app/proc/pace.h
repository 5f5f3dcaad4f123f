/*
 * Pace: the minimum average transfer rate of an upload. It grows with the duration of the upload,
 * so that slow links can upload small files, but no client can occupy a connection for long with
 * little data.
 *
 *   elapsed < START              no minimum
 *   otherwise                    bytes ≥ 2 KiB/s × 2^k × elapsed,
 *                                with k = ⌊(elapsed − START) / (2 × START)⌋
 *
 * START is the setting UPLOAD_SLOW_START_S, 60 s by default. The minimum average rate is then 2
 * KiB/s after one minute, 4 after three, 8 after five, 16 after seven and 32 after nine. Uploads of
 * 17 MiB, nginx's limit, are therefore complete or aborted within nine minutes. A constant rate of
 * 31 KiB/s (254 kbit/s) suffices for the largest file of 16 MiB, 16 KiB/s (131 kbit/s) for 8.4 MiB,
 * 8 KiB/s (66 kbit/s) for 3.2 MiB, 4 KiB/s (33 kbit/s) for 1.1 MiB.
 */
#ifndef PROC_PACE_H
#define PROC_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum { PACE_FIRST_RATE = 2048 }; /* bytes per second */

/* True if an upload that has sent `bytes` in `elapsed_us` is below the minimum rate. `start_s` is
 * START. */
bool pace_is_too_slow(int64_t elapsed_us, int64_t bytes, int64_t start_s);

#endif
