/*
 * Sequence: several changes that belong together, and are announced (intent.h) as one change before
 * the first of them is written.
 *
 * The caller makes the changes twice. First it plans them: each change is checked as in a dry run,
 * writes nothing, and is ERR_DRY_RUN if it would write something. Then the sequence is announced,
 * and the caller makes the changes. So everything that can be checked is checked before the first
 * change, and a dry run shows all changes.
 */
#ifndef DIRECTORY_SEQUENCE_H
#define DIRECTORY_SEQUENCE_H

#include "base/error.h"
#include "directory/intent.h"

struct arena;
struct directory;
struct directory_sequence;

/* Begins the plan: the changes that follow are planned. */
struct directory_sequence *directory_sequence_plan(struct directory *directory, struct arena *arena)
    __attribute__((returns_nonnull));

/* Returns the planned changes so far, in order. */
const struct directory_intent *directory_sequence_intent(const struct directory_sequence *sequence)
    __attribute__((returns_nonnull));

/* Returns the first entry of the change that was planned last; NULL: none. */
struct directory_intent_entry *directory_sequence_planned(
    const struct directory_sequence *sequence);

/* Ends the plan and announces it, unless it is empty. After success the changes that follow are
 * made. */
struct error *directory_sequence_announce(struct directory_sequence *sequence) MUST_CHECK;

/* Ends the sequence: the changes that follow do not belong to it. */
void directory_sequence_end(struct directory_sequence *sequence);

#endif
