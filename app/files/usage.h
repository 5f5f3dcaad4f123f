/*
 * File usage: counts the files and their bytes, for each owner and in total. Each change of a file
 * updates the usage in its own transaction and checks the quotas there. `kontora recount` verifies
 * the usage.
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

/* Limits of the usage; 0 means no limit. */
struct file_quota {
    int64_t bytes, files; /* limits of one scope: an organization, or a principal without one */
    int64_t total_bytes;  /* limit of all scopes together */
};

/* Returns the quota of FILES_QUOTA_MIB, FILES_QUOTA_COUNT and FILES_TOTAL_QUOTA_MIB. */
struct file_quota file_usage_quota(const struct config *config);

/* Sets *remaining_r to the bytes that the scope may add to its committed usage: INT64_MAX without a
 * quota, negative if the quota was lowered below the usage. ERR_QUOTA_EXCEEDED if the scope has
 * reached its number of files, ERR_STORAGE_FULL if all scopes together have reached the total. The
 * result is an early check: file_usage_add() makes the decision. */
struct error *file_usage_remaining(struct store *store, struct arena *arena, const char *scope,
                                   const struct file_quota *quota, int64_t *remaining_r) MUST_CHECK;

/* Adds a file to the usage, inside of a transaction. ERR_QUOTA_EXCEEDED or ERR_STORAGE_FULL if the
 * new usage exceeds the quota. */
struct error *file_usage_add(struct store *store, struct arena *arena, const char *scope,
                             int64_t bytes, const struct file_quota *quota) MUST_CHECK;

/* Subtracts a file from the usage, inside of a transaction. */
struct error *file_usage_remove(struct store *store, struct arena *arena, const char *scope,
                                int64_t bytes) MUST_CHECK;

/* Compares the usage with the files (rest/recount.h). */
struct error *file_usage_recount(struct store *store, struct arena *arena, bool repair,
                                 struct buffer *report, size_t *wrong_r) MUST_CHECK;

#endif
