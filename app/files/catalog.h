/*
 * Ledger: keeps what the database says of files in step with the objects of the storage, which are
 * in no transaction of its.
 *
 * An object is never in the storage without a row that names it: a file's, or one of
 * pending_objects. On its way in, it is pending before it is placed, and becomes the file's in one
 * transaction; on its way out, the same the other way round. Whoever is killed in between leaves a
 * pending row, and the housekeeper deletes the object and the row when they are older than any
 * request can be.
 */
#ifndef FILES_CATALOG_H
#define FILES_CATALOG_H

#include "base/buffer.h"
#include "files/usage.h"
#include "objects/objects.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

/* How old what was left behind is before it goes. */
enum { LEDGER_PENDING_S = 3600 };

/* A file, as its row has it. */
struct stored_file {
    int64_t id;
    const char *scope;
    int64_t organization_id; /* 0: none */
    const char *name, *object_key;
    const char *original_name;
    size_t original_length;
    const char *content_type;
    int64_t size;
    const unsigned char *md5, *sha256;
    const char *tags; /* one a line */
    int64_t created_at;
};

enum { MD5_SIZE = 16, SHA256_SIZE = 32 };

/* The current row of a statement that selects the columns of files. */
void ledger_read(struct store_query *query, struct arena *arena, struct stored_file *file_r);

/* The file of that name, whoever's it is. */
struct error *ledger_find(struct store *store, struct arena *arena, const char *name, bool *found_r,
                          struct stored_file *file_r) MUST_CHECK;

/* --- on its way in ---------------------------------------------------------------------------- */

/* Makes the staged bytes the object of file->object_key, pending. */
struct error *ledger_place(struct store *store, struct objects *objects, struct arena *arena,
                           struct staged *staged, const struct stored_file *file) MUST_CHECK;

/* Replaces the pending row by the file's row; the group commit commits it. ERR_QUOTA_EXCEEDED if
 * the scope would exceed its quota, ERR_STORAGE_FULL if all files together would. */
struct error *ledger_record(struct store *store, struct arena *arena,
                            const struct stored_file *file,
                            const struct file_quota *quota) MUST_CHECK;

/* Deletes objects that are pending, and their rows, now if that is possible; if not, the
 * housekeeper will. */
void ledger_dispose(struct store *store, struct objects *objects, struct arena *arena,
                    const char *const *keys, size_t count);

/* --- on its way out --------------------------------------------------------------------------- */

/* Inside of a transaction: the pending row in place of the file's. ERR_FILE_NOT_FOUND if somebody
 * else has removed it meanwhile. */
struct error *ledger_remove(struct store *store, struct arena *arena,
                            const struct stored_file *file) MUST_CHECK;

/* --- what was left behind --------------------------------------------------------------------- */

struct ledger_leftovers {
    size_t objects, staged; /* that were deleted */
};

/* Deletes some of what is due at `now_ms`; *more_r says whether there may be more. */
struct error *ledger_purge(struct store *store, struct objects *objects, struct arena *arena,
                           int64_t now_ms, struct ledger_leftovers *leftovers_r,
                           bool *more_r) MUST_CHECK;

/* The housekeeper's part. */
struct ledger_keeper;
struct ledger_keeper *ledger_keeper_new(struct store *store, struct objects *objects)
    __attribute__((returns_nonnull)); /* takes over `objects`; `store` must outlive it */
void ledger_keeper_free(struct ledger_keeper **keeper);

/* Returns when to be called again, of the steady clock. */
int64_t ledger_keeper_run(struct ledger_keeper *keeper);

#endif
