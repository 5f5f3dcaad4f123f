/* See usage.h. */
#include "files/usage.h"

#include "base/buffer.h"
#include "base/config.h"
#include "base/size.h"

#include <inttypes.h>

/* The scope that counts all files together; no owner has a scope of this name. */
static const char all[] = "all";

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

/* The one row of a query; zeros if there is none. */
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

/* Adds to the usage of a scope; *usage_r is what it is then. */
static struct error *change(struct store *store, struct arena *arena, const char *scope,
                            const struct usage *delta, struct usage *usage_r)
{
    struct store_query *query = store_query(store, arena, SQL_FILE_USAGE_ADD);
    store_bind_text(query, scope);
    store_bind_integer(query, delta->files);
    store_bind_integer(query, delta->bytes);
    return read_usage(query, usage_r);
}

/* Both, in one order: whoever holds the row of all files has that of its scope already. */
static struct error *change_both(struct store *store, struct arena *arena, const char *scope,
                                 const struct usage *delta, struct usage *usage_r,
                                 struct usage *total_r)
{
    struct error *error = change(store, arena, scope, delta, usage_r);
    return error ? error : change(store, arena, all, delta, total_r);
}

static bool exceeds(int64_t value, int64_t quota)
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
        error = get_usage(store, arena, all, &total);
    }
    if (error) {
        return error;
    }
    if (exceeds(total.bytes + 1, quota->total_bytes)) {
        return error_new(arena, ERR_STORAGE_FULL, NULL);
    }
    if (exceeds(usage.files + 1, quota->files)) {
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
    struct error *error = change_both(store, arena, scope, &delta, &usage, &total);
    if (error) {
        return error;
    }
    if (exceeds(usage.bytes, quota->bytes) || exceeds(usage.files, quota->files)) {
        return error_new(arena, ERR_QUOTA_EXCEEDED, NULL);
    }
    return exceeds(total.bytes, quota->total_bytes) ? error_new(arena, ERR_STORAGE_FULL, NULL)
                                                    : NULL;
}

struct error *file_usage_remove(struct store *store, struct arena *arena, const char *scope,
                                int64_t bytes)
{
    const struct usage delta = {-1, -bytes};
    struct usage usage, total;
    return change_both(store, arena, scope, &delta, &usage, &total);
}

/* --- counting anew --------------------------------------------------------------------------- */

struct recount {
    struct arena *arena;
    struct buffer *report;
    bool repair;
    size_t wrong;
};

static struct error *recount(struct store *store, void *context)
{
    struct recount *work = context;
    struct buffer report = {.arena = work->arena};
    struct store_query *query = store_query(store, work->arena, SQL_FILE_USAGE_WRONG);
    struct error *error;
    bool row;
    work->wrong = 0;
    while (!(error = store_next(query, &row)) && row) {
        buffer_format(&report,
                      "files of \"%s\": %" PRId64 " are %" PRId64 ", %" PRId64 " bytes are %" PRId64
                      "\n",
                      store_text(query, SQL_FILE_USAGE_WRONG_SCOPE, NULL),
                      store_integer(query, SQL_FILE_USAGE_WRONG_FILES),
                      store_integer(query, SQL_FILE_USAGE_WRONG_TRUE_FILES),
                      store_integer(query, SQL_FILE_USAGE_WRONG_BYTES),
                      store_integer(query, SQL_FILE_USAGE_WRONG_TRUE_BYTES));
        work->wrong++;
    }
    if (!error && work->repair && work->wrong) {
        error = store_execute(store_query(store, work->arena, SQL_FILE_USAGE_REPAIR));
    }
    *work->report = report;
    return error;
}

struct error *file_usage_recount(struct store *store, struct arena *arena, bool repair,
                                 struct buffer *report, size_t *wrong_r)
{
    struct recount work = {.arena = arena, .report = report, .repair = repair};
    /* Without a repair, reads outside of a transaction, so that writers do not wait. */
    struct error *error =
        repair ? store_write(store, arena, recount, &work) : recount(store, &work);
    *wrong_r = work.wrong;
    return error;
}
