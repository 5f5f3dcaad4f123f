/*
 * Scoreboard: the current state of each process of the service, in shared memory. Each process has
 * a slot in separate cache lines. The master assigns the slot before it forks and releases it after
 * the process has ended. A process writes only to its own slot, so that no stale state remains
 * after a crash.
 */
#ifndef BASE_SCOREBOARD_H
#define BASE_SCOREBOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Totals of a group of processes, such as a pool. */
struct scoreboard_count {
    int64_t processes, busy, connections;
};

/* Creates the scoreboard. Called by the master before it forks. Before that, state is not recorded
 * and all counts are 0. */
void scoreboard_share(void);

/* Called by the master: assigns a slot to a process of the group that it is about to fork. Returns
 * its number, from 1; 0 if all slots are assigned: the process is then not counted. */
size_t scoreboard_assign_slot(unsigned group);

/* Called by the master after the process has ended: releases its slot. */
void scoreboard_release_slot(size_t slot);

/* Called in a child after fork(): sets its slot. */
void scoreboard_set_slot(size_t slot);

/* Set the state of this process. */
void scoreboard_set_busy(bool busy);
void scoreboard_set_connections(size_t connections);

/* An upload in progress: the keys of its subject and of its organization; 0: none. */
struct scoreboard_upload {
    uint64_t subject, organization;
};

/* Sets the upload that this process receives. Cleared when the process ends. */
void scoreboard_set_upload(struct scoreboard_upload upload);

/* Numbers of processes that receive an upload of a subject, and of an organization. */
struct scoreboard_uploads {
    int64_t subject, organization;
};

/* Counts the uploads in progress of the subject and of the organization of `of`. */
struct scoreboard_uploads scoreboard_count_uploads(struct scoreboard_upload of);

/* Returns the totals of a group. */
struct scoreboard_count scoreboard_count(unsigned group);

#endif
