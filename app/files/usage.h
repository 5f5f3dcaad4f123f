/*
 * File usage: how many files and bytes each owner has, and all of them together. It is kept up with
 * each change, in its transaction, and held against the quotas there. `kontora recount` verifies
 * it.
 */
#ifndef FILES_USAGE_H
#define FILES_USAGE_H

#include "base/error.h"
#include "store/store.h"

#include <stddef.h>
#include <stdint.h>

struct arena;
struct buffer;
struct config;

/* How much there may be; 0 is no bound. */
struct file_quota {
    int64_t bytes, files; /* of one scope: of an organization, or of somebody without one */
    int64_t total_bytes;  /* of all files */
};

/* The quota of FILES_QUOTA_MIB, FILES_QUOTA_COUNT and FILES_TOTAL_QUOTA_MIB. */
struct file_quota file_usage_quota(const struct config *config);

/* Sets *remaining_r to the bytes that the scope may add, by committed usage: INT64_MAX without a
 * quota, negative if a quota was lowered. ERR_QUOTA_EXCEEDED if the scope has its full number of
 * files, ERR_STORAGE_FULL if all files together have reached the total. file_usage_add() decides
 * in the end. */
struct error *file_usage_remaining(struct store *store, struct arena *arena, const char *scope,
                                   const struct file_quota *quota, int64_t *remaining_r) MUST_CHECK;

/* Inside of a transaction: adds a file to the usage. ERR_QUOTA_EXCEEDED or ERR_STORAGE_FULL if
 * that exceeds the quota. */
struct error *file_usage_add(struct store *store, struct arena *arena, const char *scope,
                             int64_t bytes, const struct file_quota *quota) MUST_CHECK;

/* Inside of a transaction: the scope has one file less. */
struct error *file_usage_remove(struct store *store, struct arena *arena, const char *scope,
                                int64_t bytes) MUST_CHECK;

/* Counts all files again, and adds a line for each scope whose usage is wrong; corrects it if
 * `repair` is set. */
struct error *file_usage_recount(struct store *store, struct arena *arena, bool repair,
                                 struct buffer *report, size_t *wrong_r) MUST_CHECK;

#endif
