/* Undo: removes an entry that the same call has created, because a later step has failed. */
#ifndef DIRECTORY_UNDO_H
#define DIRECTORY_UNDO_H

#include "base/error.h"

struct arena;
struct directory;
struct directory_entry;

/* Deletes the new entry, whose addition was announced (intent.h). The caller needs no right for
 * it, because the call restores the state that it began with. Succeeds if the entry does not exist
 * any more. */
struct error *directory_undo_addition(struct directory *directory, struct arena *arena,
                                      const struct directory_entry *entry) MUST_CHECK;

#endif
