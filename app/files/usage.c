/* See usage.h. */
#include "files/usage.h"

#include "base/buffer.h"
#include "base/config.h"
#include "base/size.h"
#include "rest/recount.h"

#include <inttypes.h>

/* The scope of the row that counts the files of all owners; no owner has a scope of this name. */
static const char total_scope[] = "all";

struct usage {
    int64_t files, bytes;
};

struct file_quota file_usage_quota(const struct config *config)
{
    return (struct file_quota){
        .bytes = config->files_quota_mib * MIB,
        .files = config->files_quota_count,
        .total_bytes = config->files_total_quota_mib * MIB,
    };
}

/* Reads the only row of a query. Without a row, the usage is zero. */
static struct error *read_usage(struct store_query *query, struct usage *usage_r)
{
    bool row;
    *usage_r = (struct usage){0};
    struct error *error = store_next(query, &row);
    if (!error && row) {
        *usage_r = (struct usage){store_integer(query, SQL_FILE_USAGE_GET_FILES),
                                  store_integer(query, SQL_FILE_USAGE_GET_BYTES)};
        error = store_next(query, &row);
    }
    return error;
}

static struct error *get_usage(struct store *store, struct arena *arena, const char *scope,
                               struct usage *usage_r)
{
    struct store_query *query = store_query(store, arena, SQL_FILE_USAGE_GET);
    store_bind_text(query, scope);
    return read_usage(query, usage_r);
}

/* Adds to the usage of a scope. Sets *usage_r to the new usage. */
static struct error *add_usage(struct store *store, struct arena *arena, const char *scope,
                               const struct usage *delta, struct usage *usage_r)
{
    struct store_query *query = store_query(store, arena, SQL_FILE_USAGE_ADD);
    store_bind_text(query, scope);
    store_bind_integer(query, delta->files);
    store_bind_integer(query, delta->bytes);
    return read_usage(query, usage_r);
}

/* Adds to the usage of a scope and to the total, always in this order: a transaction that holds the
 * row of the total already holds the row of its scope, so transactions cannot deadlock. */
static struct error *add_usage_and_total(struct store *store, struct arena *arena,
                                         const char *scope, const struct usage *delta,
                                         struct usage *usage_r, struct usage *total_r)
{
    struct error *error = add_usage(store, arena, scope, delta, usage_r);
    return error ? error : add_usage(store, arena, total_scope, delta, total_r);
}

/* A quota of 0 means no limit. */
static bool exceeds_quota(int64_t value, int64_t quota)
{
    return quota && value > quota;
}

struct error *file_usage_remaining(struct store *store, struct arena *arena, const char *scope,
                                   const struct file_quota *quota, int64_t *remaining_r)
{
    struct usage usage, total;
    *remaining_r = INT64_MAX;
    struct error *error = get_usage(store, arena, scope, &usage);
    if (!error) {
        error = get_usage(store, arena, total_scope, &total);
    }
    if (error) {
        return error;
    }
    if (exceeds_quota(total.bytes + 1, quota->total_bytes)) {
        return error_new(arena, ERR_STORAGE_FULL, NULL);
    }
    if (exceeds_quota(usage.files + 1, quota->files)) {
        return error_new(arena, ERR_QUOTA_EXCEEDED, NULL);
    }
    *remaining_r = quota->bytes ? quota->bytes - usage.bytes : INT64_MAX;
    return NULL;
}

struct error *file_usage_add(struct store *store, struct arena *arena, const char *scope,
                             int64_t bytes, const struct file_quota *quota)
{
    const struct usage delta = {1, bytes};
    struct usage usage, total;
    struct error *error = add_usage_and_total(store, arena, scope, &delta, &usage, &total);
    if (error) {
        return error;
    }
    if (exceeds_quota(usage.bytes, quota->bytes) || exceeds_quota(usage.files, quota->files)) {
        return error_new(arena, ERR_QUOTA_EXCEEDED, NULL);
    }
    return exceeds_quota(total.bytes, quota->total_bytes) ? error_new(arena, ERR_STORAGE_FULL, NULL)
                                                          : NULL;
}

struct error *file_usage_remove(struct store *store, struct arena *arena, const char *scope,
                                int64_t bytes)
{
    const struct usage delta = {-1, -bytes};
    struct usage usage, total;
    return add_usage_and_total(store, arena, scope, &delta, &usage, &total);
}

/* --- recount ---------------------------------------------------------------------------------- */

static void describe_wrong_usage(struct buffer *report, const struct store_query *query)
{
    buffer_format(report,
                  "files of \"%s\": stored %" PRId64 " files and %" PRId64
                  " bytes, counted %" PRId64 " files and %" PRId64 " bytes\n",
                  store_text(query, SQL_FILE_USAGE_WRONG_SCOPE, NULL),
                  store_integer(query, SQL_FILE_USAGE_WRONG_FILES),
                  store_integer(query, SQL_FILE_USAGE_WRONG_BYTES),
                  store_integer(query, SQL_FILE_USAGE_WRONG_TRUE_FILES),
                  store_integer(query, SQL_FILE_USAGE_WRONG_TRUE_BYTES));
}

struct error *file_usage_recount(struct store *store, struct arena *arena, bool repair,
                                 struct buffer *report, size_t *wrong_r)
{
    static const struct recount recount = {SQL_FILE_USAGE_WRONG, SQL_FILE_USAGE_REPAIR,
                                           describe_wrong_usage};
    return recount_run(&recount, store, arena, repair, report, wrong_r);
}
