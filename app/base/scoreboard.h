/*
 * Scoreboard: what each process of the service is doing at the moment, in shared memory. There is
 * one place a process, in cache lines of its own; the master gives it and, when the process has
 * ended, however it ended, takes it back. A process writes to its own place alone, so that whoever
 * is killed leaves nothing behind that is not true any more.
 */
#ifndef BASE_SCOREBOARD_H
#define BASE_SCOREBOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a group of processes, such as a pool, consists of. */
struct scoreboard_count {
    int64_t processes, busy, connections;
};

/* In the master, before it forks. Until then nothing is noted, and nothing is there. */
void scoreboard_share(void);

/* In the master: a place for a process of the group that it is about to fork, from 1; 0 if all are
 * taken, which is a place that nobody looks at. */
size_t scoreboard_give(unsigned group);

/* In the master: that process is gone. */
void scoreboard_take_back(size_t place);

/* In a new process: this is its place. */
void scoreboard_enter(size_t place);

/* What this process is doing. */
void scoreboard_set_busy(bool busy);
void scoreboard_set_connections(size_t connections);

/* The upload that this process takes, by the keys of its subject and its organization; 0 is none.
 * It ends with the process, if not before. */
struct scoreboard_upload {
    uint64_t subject, organization;
};
void scoreboard_set_upload(struct scoreboard_upload upload);

/* How many processes take an upload of that subject, and of that organization. */
struct scoreboard_uploads {
    int64_t subject, organization;
};
struct scoreboard_uploads scoreboard_count_uploads(struct scoreboard_upload of);

/* Sets whether this process computes a password hash in place of the pool `auth`. The flag ends
 * with the process. */
void scoreboard_set_hashing(bool hashing);

/* Counts the processes of a group that have the flag set. */
int64_t scoreboard_count_hashing(unsigned group);

/* What a group is doing, in any process. */
struct scoreboard_count scoreboard_count(unsigned group);

#endif
