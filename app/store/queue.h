/* Queue: orders SQLite's writers of all processes of a host. */
#ifndef STORE_QUEUE_H
#define STORE_QUEUE_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct store_shared;

/* Waits for the writers before us, up to a moment of clock_steady_us(). False if it passes. */
bool queue_enter(struct store_shared *shared, int64_t deadline_us) MUST_CHECK;
void queue_leave(struct store_shared *shared);

#endif
