/*
 * API key use: the time and address of the last use of each API key.
 *
 * Processes record uses in shared memory; the housekeeper (the process for periodic jobs) writes
 * them to the database in batches, every second. A use within a minute of the stored one is not
 * recorded, so a busy key costs one write a minute, and the stored time is at most a minute too
 * early. A power failure or a killed service loses the uses of the last seconds, and a killed
 * worker at most the use that it was recording. If the table is full, a use is skipped; the next
 * one is recorded.
 */
#ifndef AUTH_API_KEY_USE_H
#define AUTH_API_KEY_USE_H

#include "auth/principal.h"
#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

/* Called by the master before it forks: from now on all processes share the table. */
void api_key_use_share(void);

/* Records that the key is used now from the address. */
void api_key_use_record(const struct principal_key *key, const char *address, int64_t now_ms);

/* Writes one batch of uses and commits. *more_r is true if more are left. After an error, the uses
 * are kept. */
struct error *api_key_use_flush(struct store *store, struct arena *arena, bool *more_r) MUST_CHECK;

/* Writes all uses, for a process that exits. */
void api_key_use_flush_all(struct store *store);

/* The periodic job of the housekeeper: writes one batch. Returns the time of the steady clock at
 * which to call it again. */
int64_t api_key_use_run(struct store *store);

#endif
