/*
 * The catalog: rows of the database that name the objects of the storage.
 *
 * The storage takes no part in database transactions. So every object in the storage is named by a
 * row at all times: a row of files, or a row of pending_objects. An upload adds the pending row,
 * stores the object, and replaces the pending row by the file's row in one transaction. A deletion
 * does the reverse. If a process is killed in between, the pending row remains. Once it is older
 * than any request can be, its object is an orphan, and the housekeeper (the process for periodic
 * jobs) deletes object and row.
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

/* Age at which a pending object is an orphan. */
enum { CATALOG_PENDING_S = 3600 };

/* A row of files. */
struct catalog_file {
    int64_t id;
    const char *scope;
    int64_t organization_id; /* 0: no organization */
    const char *name, *object_key;
    const char *original_name;
    size_t original_length;
    const char *content_type;
    int64_t size;
    const unsigned char *md5, *sha256;
    const char *tags; /* separated by newlines */
    int64_t created_at;
};

enum { MD5_SIZE = 16, SHA256_SIZE = 32 };

/* Reads the current row of a statement that selects the columns of SQL_FILES_GET. */
void catalog_read(struct store_query *query, struct arena *arena, struct catalog_file *file_r);

/* Finds a file by its name, in all scopes. */
struct error *catalog_find(struct store *store, struct arena *arena, const char *name,
                           bool *found_r, struct catalog_file *file_r) MUST_CHECK;

/* Returns the search text of a file, which is derived from its original name (rest/search.h). */
const char *catalog_search_text(struct arena *arena, const char *original_name)
    __attribute__((returns_nonnull));

/* Inside store_write(): replaces the keys by which lists find the file by its tags. `lines` has a
 * tag on each line; spellings of one tag have one key (fold_text()). */
struct error *catalog_index_tags(struct store *store, struct arena *arena, int64_t id,
                                 const char *scope, const char *lines) MUST_CHECK;

/* --- insertion -------------------------------------------------------------------------------- */

/* Adds a pending row, then stores the staged bytes as the object file->object_key. */
struct error *catalog_put_object(struct store *store, struct objects *objects, struct arena *arena,
                                 struct staged *staged, const struct catalog_file *file) MUST_CHECK;

/* Replaces the pending row by the file's row; the group commit makes it durable. ERR_QUOTA_EXCEEDED
 * or ERR_STORAGE_FULL if the new usage exceeds the quota of the scope or of all files. */
struct error *catalog_insert_file(struct store *store, struct arena *arena,
                                  const struct catalog_file *file,
                                  const struct file_quota *quota) MUST_CHECK;

/* Deletes pending objects and their rows. If that fails, the housekeeper deletes them later. */
void catalog_delete_pending(struct store *store, struct objects *objects, struct arena *arena,
                            const char *const *keys, size_t count);

/* --- deletion --------------------------------------------------------------------------------- */

/* Replaces the file's row by a pending row, inside of a transaction. ERR_FILE_NOT_FOUND if another
 * request has deleted the file meanwhile. */
struct error *catalog_delete_file(struct store *store, struct arena *arena,
                                  const struct catalog_file *file) MUST_CHECK;

/* --- orphans ---------------------------------------------------------------------------------- */

struct catalog_orphans {
    size_t objects, staged; /* deleted objects and staged files */
};

/* Deletes one batch of the objects that are orphans at `now_ms`. Sets *more_r to true if more may
 * be left. */
struct error *catalog_purge(struct store *store, struct objects *objects, struct arena *arena,
                            int64_t now_ms, struct catalog_orphans *orphans_r,
                            bool *more_r) MUST_CHECK;

/* The periodic job of the housekeeper. */
struct catalog_job;
/* Takes ownership of `objects`; `store` must outlive the job. */
struct catalog_job *catalog_job_new(struct store *store, struct objects *objects)
    __attribute__((returns_nonnull));
void catalog_job_free(struct catalog_job **job);

/* Deletes one batch of orphans. Returns the time of the steady clock at which to call it again. */
int64_t catalog_job_run(struct catalog_job *job);

#endif
