/*
 * Keys: the version of the text keys in the database.
 *
 * Text keys are columns that the program derives from other columns, such as the folded name by
 * which an account is found. Programs with another version of ICU derive other keys, so that they
 * would not find each other's rows, and would accept a name twice. The table text_keys has the
 * version of all keys. Programs of other versions refuse the database:
 *
 * - SQLite: each transaction that writes reads the version first. So from the first batch of a
 *   rebuild (store/rekey.h) on, other processes cannot write. They cannot read either, after
 *   store_watch() has seen the version.
 * - PostgreSQL: each session takes a shared lock, and then reads the version. A rebuild begins only
 *   while no session has the lock, and each new session is refused until the rebuild has ended.
 *   So neither reads nor writes cost more than without this check.
 */
#ifndef STORE_KEYS_H
#define STORE_KEYS_H

#include "base/error.h"

#include <stdbool.h>

struct arena;
struct store;

/* From now on, the store works only on a database whose text keys have this version: otherwise
 * every query and every write fails with ERR_DATABASE_UNAVAILABLE. Called right after store_new().
 * The version is not copied. */
void store_require_keys(struct store *store, const char *version);

/* Returns ERR_DATABASE_UNAVAILABLE if the text keys have another version than the required one, or
 * if they are being rebuilt. The cause says what to do. A no-op if no version is required. */
struct error *store_keys_check(struct store *store, struct arena *arena) MUST_CHECK;

/* Compares the version that was read with the required one, for an engine that reads it by itself.
 * `version` is NULL while the keys are being rebuilt, `failure` the error of reading it. */
struct error *store_keys_compare(struct store *store, struct arena *arena, const char *version,
                                 const struct error *failure) MUST_CHECK;

/* True if the last completed check did not find the required version, also because of a rebuild. */
bool store_keys_differ(const struct store *store);

/* Like store_keys_check(). Stores the result in shared memory: while the keys differ, no process of
 * this host reads. */
struct error *store_keys_watch(struct store *store, struct arena *arena) MUST_CHECK;

#endif
