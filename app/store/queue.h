/* Queue: serializes the SQLite writers of all processes of a host. */
#ifndef STORE_QUEUE_H
#define STORE_QUEUE_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct store_shared;

/* Waits for the writers ahead in the queue. Returns false if the deadline, on the clock of
 * clock_steady_us(), passes first. */
bool queue_enter(struct store_shared *shared, int64_t deadline_us) MUST_CHECK;
void queue_leave(struct store_shared *shared);

#endif
