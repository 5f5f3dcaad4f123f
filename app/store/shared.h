/* Shared: the layout of the memory that the processes of one host share. */
#ifndef STORE_SHARED_H
#define STORE_SHARED_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

struct store_shared {
    pthread_mutex_t next, writing; /* see queue.c */
    struct {
        atomic_int state; /* value of enum store_state */
        _Atomic int64_t latency_us, checked_ms;
    } health;                /* see watch.c */
    atomic_bool keys_differ; /* see keys.c */
};

#endif
