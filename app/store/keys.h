/*
 * Keys: the version of the text keys in the database.
 *
 * Text keys are columns that the program computes from other columns, such as the folded name by
 * which an account is found. Programs with different versions of ICU compute different keys: they
 * would not find each other's rows, and would accept the same name twice. The table text_keys has
 * the version of all keys. A program that needs another version refuses the database:
 *
 * - SQLite: each transaction that writes checks the version first. So after the first batch of a
 *   rebuild (store/rekey.h) is committed, other processes cannot write. After store_watch() has
 *   noticed the change, they cannot read either.
 * - PostgreSQL: each session takes a shared lock, and then checks the version. A rebuild begins
 *   only while no session has the lock, and each new session is refused until the rebuild has
 *   ended. So the check does not slow down reads or writes.
 */
#ifndef STORE_KEYS_H
#define STORE_KEYS_H

#include "base/error.h"

#include <stdbool.h>

struct arena;
struct store;

/* Makes every read and write fail with ERR_DATABASE_UNAVAILABLE unless the text keys of the
 * database have this version. Call it right after store_new(). The version is not copied. */
void store_require_keys(struct store *store, const char *version);

/* Returns ERR_DATABASE_UNAVAILABLE, with instructions in its cause, if the text keys do not have
 * the required version or are being rebuilt. A no-op if no version is required. */
struct error *store_keys_check(struct store *store, struct arena *arena) MUST_CHECK;

/* Compares the version that was read with the required one, for an engine that reads it by itself.
 * `version` is NULL while the keys are being rebuilt, `failure` the error of reading it. */
struct error *store_keys_compare(struct store *store, struct arena *arena, const char *version,
                                 const struct error *failure) MUST_CHECK;

/* True if the last completed check found another version or a rebuild in progress. */
bool store_keys_differ(const struct store *store);

/* Like store_keys_check(), but also stores the result in shared memory. While the keys differ,
 * reads fail in all processes of this host. */
struct error *store_keys_watch(struct store *store, struct arena *arena) MUST_CHECK;

#endif
