/* See audit_watch.h. */
#include "service/audit_watch.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/random.h"
#include "http/audit.h"
#include "rest/audit_chain.h"
#include "rest/audit_retention.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    POLL_US = 300 * US_PER_MS,    /* between two searches for rows without links */
    PAUSE_US = 10 * US_PER_MS,    /* between two batches, in which other processes can write */
    RECORD_US = US_PER_S,         /* between two heads in the audit file */
    CHECK_US = US_PER_S,          /* between two reads of the head, which other hosts may change */
    PENDING_US = 30 * US_PER_S,   /* between two searches for rows that stay pending */
    RETENTION_US = US_PER_MINUTE, /* between two searches for rows to delete */
};

struct audit_watch {
    struct store *store;
    struct arena *arena; /* owns the key */
    const char *key;
    int64_t retention_days;
    /* earliest times of the next runs, of the steady clock */
    int64_t record_us; /* of a line in the audit file */
    int64_t check_us, pending_us, retention_us;
    struct audit_chain_head recorded; /* the last head in the audit file */
    bool failing;                     /* the last run failed, which has been logged */
    bool unwritable;                  /* the last head was not written, which has been logged */
    int64_t retired;                  /* rows that retention has deleted since it began */
};

struct audit_watch *audit_watch_new(const struct config *config, struct store *store)
{
    struct audit_watch *watch = base_alloc(sizeof *watch);
    watch->store = store;
    watch->arena = arena_new();
    watch->key = audit_chain_key(config, watch->arena);
    watch->retention_days = config->audit_retention_days;
    return watch;
}

/* --- the head --------------------------------------------------------------------------------- */

/* True if the chain no longer contains the head that was recorded last. On PostgreSQL, other hosts
 * may have linked rows since. */
static bool lost_head(const struct audit_watch *watch, const struct audit_chain_head *head)
{
    const struct audit_chain_head *recorded = &watch->recorded;
    return head->position < recorded->position ||
           (head->position == recorded->position &&
            memcmp(head->chain_tag, recorded->chain_tag, DIGEST_SIZE) != 0);
}

static void write_head(struct audit_watch *watch, const struct audit_chain_head *head)
{
    struct audit_head line = {.position = head->position, .audit_id = head->audit_id};
    clock_format(clock_wall_ms(), line.timestamp);
    random_format_hex(head->chain_tag, DIGEST_SIZE, line.chain_tag);
    bool written = audit_write_head(&line);
    if (!written && !watch->unwritable) {
        log_error("audit: cannot record the last link in the audit file: %s", strerror(errno));
    }
    watch->unwritable = !written;
    watch->record_us = clock_steady_us() + RECORD_US;
    if (written) {
        watch->recorded = *head;
    }
}

/* Writes the head into the audit file, if it has changed. */
static struct error *record_head(struct audit_watch *watch, struct arena *arena)
{
    struct audit_chain_head head;
    struct error *error = audit_chain_read_head(watch->store, arena, watch->key, &head);
    if (error) {
        return error;
    }
    bool lost = lost_head(watch, &head);
    if (lost) {
        log_error("audit: the link at position %" PRId64 " of row %" PRId64
                  " was deleted or edited: run kontora audit verify",
                  watch->recorded.position, watch->recorded.audit_id);
    }
    if (head.position && (lost || head.position != watch->recorded.position)) {
        write_head(watch, &head);
    } else if (lost) {
        watch->recorded = head;
    }
    return NULL;
}

static struct error *measure_waiting_rows(const struct audit_watch *watch, struct arena *arena)
{
    int64_t count, oldest_ms;
    struct error *error = audit_chain_count_waiting(watch->store, arena, &count, &oldest_ms);
    if (!error) {
        int64_t age_s = count ? (clock_wall_ms() - oldest_ms) / MS_PER_S : 0;
        metrics_set(METRIC_AUDIT_UNLINKED, 0, count);
        metrics_set(METRIC_AUDIT_UNLINKED_AGE, 0, age_s > 0 ? age_s : 0);
    }
    return error;
}

/* --- other steps ------------------------------------------------------------------------------ */

static struct error *expire_pending(const struct audit_watch *watch, struct arena *arena)
{
    int64_t count;
    struct error *error = audit_chain_expire_pending(watch->store, arena, clock_wall_ms(), &count);
    if (!error && count) {
        log_warning("audit: the outcome of %" PRId64 " changes is unknown: their requests were "
                    "interrupted",
                    count);
    }
    return error;
}

/* Deletes a batch. *more_r is true if more rows may be due. */
static struct error *retire_rows(struct audit_watch *watch, struct arena *arena, bool *more_r)
{
    struct audit_retention result;
    int64_t now = clock_wall_ms();
    *more_r = false;
    if (!watch->retention_days) {
        return NULL;
    }
    struct error *error = audit_retention_run(
        watch->store, arena, watch->key, now - watch->retention_days * MS_PER_DAY, now, &result);
    if (error) {
        return error;
    }
    if (result.changed) {
        log_error("audit: %" PRId64 " rows that retention deleted had been edited or were missing",
                  result.changed);
    }
    watch->retired += result.deleted;
    *more_r = result.deleted == AUDIT_CHAIN_BATCH;
    if (!*more_r && watch->retired) {
        log_info("audit: deleted %" PRId64 " rows after AUDIT_RETENTION_DAYS", watch->retired);
        watch->retired = 0;
    }
    return NULL;
}

/* Runs the steps that are due. *more_r is true if more rows can be linked or deleted. */
static struct error *run_due_steps(struct audit_watch *watch, struct arena *arena, bool *more_r)
{
    int64_t now = clock_steady_us(), linked;
    struct error *error = audit_chain_link_batch(watch->store, arena, watch->key, &linked);
    *more_r = linked == AUDIT_CHAIN_BATCH;
    if (!error && now >= watch->record_us && (linked || now >= watch->check_us)) {
        error = record_head(watch, arena);
    }
    if (!error && now >= watch->check_us) {
        watch->check_us = now + CHECK_US;
        error = measure_waiting_rows(watch, arena);
    }
    if (!error && now >= watch->pending_us) {
        watch->pending_us = now + PENDING_US;
        error = expire_pending(watch, arena);
    }
    if (!error && now >= watch->retention_us) {
        bool more_due;
        error = retire_rows(watch, arena, &more_due);
        watch->retention_us = now + (more_due ? PAUSE_US : RETENTION_US);
        *more_r = *more_r || more_due;
    }
    return error;
}

int64_t audit_watch_run(struct audit_watch *watch)
{
    struct store_health health;
    bool more = false;
    store_health(watch->store, &health);
    if (health.state == STORE_DOWN) { /* waiting for the database would delay the other jobs */
        return clock_steady_us() + US_PER_S;
    }
    struct arena *arena = arena_new();
    const struct error *error = run_due_steps(watch, arena, &more);
    if (error && !watch->failing) {
        log_warning("audit: cannot link rows: %s", error->cause ? error->cause : "unknown cause");
    } else if (!error && watch->failing) {
        log_info("audit: linking rows works again");
    }
    watch->failing = error;
    arena_free(&arena);
    return clock_steady_us() + (error ? US_PER_S : more ? PAUSE_US : POLL_US);
}

void audit_watch_free(struct audit_watch **watch)
{
    struct audit_watch *owned = *watch;
    owned->record_us = owned->check_us = 0;
    (void)audit_watch_run(owned);
    arena_free(&owned->arena);
    free(owned);
    *watch = NULL;
}
