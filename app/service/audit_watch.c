/* See audit_watch.h. */
#include "service/audit_watch.h"

#include "base/arena.h"
#include "base/backoff.h"
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

/* Delays between two lines of the log about the same problem. */
static const struct backoff line_backoff = {.first = US_PER_MINUTE,
                                            .max = (int64_t)S_PER_HOUR * US_PER_S};

/* A problem that lasts. Initialized with zeros. */
struct lasting_problem {
    int64_t cause;   /* another one is another problem */
    int64_t lines;   /* number of lines of the log since it began; 0: there is no problem */
    int64_t next_us; /* earliest time of the next line */
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
    struct lasting_problem failing;   /* the last run failed; the cause is its error */
    struct lasting_problem lost;      /* the chain has lost `recorded`; the cause is its position */
    struct lasting_problem unwritten; /* the last head was not written; the cause is errno */
    struct audit_retention retention;
    int64_t retired, retired_changed; /* rows that retention has deleted since it began */
    bool kept_logged;                 /* the rows that delay retention have been logged */
};

/* True if a line about the problem must be logged: the first one, and then after growing delays. */
static bool must_log(struct lasting_problem *problem, int64_t cause)
{
    int64_t now = clock_steady_us();
    if (problem->cause != cause) {
        *problem = (struct lasting_problem){.cause = cause};
    }
    if (problem->lines && now < problem->next_us) {
        return false;
    }
    problem->next_us = now + backoff_delay(&line_backoff, ++problem->lines);
    return true;
}

/* Ends a problem. Returns true if there was one. */
static bool end_problem(struct lasting_problem *problem)
{
    bool was_logged = problem->lines;
    *problem = (struct lasting_problem){0};
    return was_logged;
}

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
    watch->record_us = clock_steady_us() + RECORD_US;
    if (audit_write_head(&line)) {
        watch->recorded = *head;
        (void)end_problem(&watch->unwritten);
        return;
    }
    int cause = errno;
    if (must_log(&watch->unwritten, cause)) {
        log_error("audit: cannot record the last link in the audit file: %s", strerror(cause));
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
    if (!lost) {
        (void)end_problem(&watch->lost);
    } else if (must_log(&watch->lost, watch->recorded.position)) {
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

/* Logs what retention has deleted since it began, and what delays it. */
static void log_retention(struct audit_watch *watch)
{
    if (watch->retired_changed) {
        log_error("audit: %" PRId64 " rows that retention deleted had been edited or were missing",
                  watch->retired_changed);
    }
    if (watch->retired) {
        log_info("audit: deleted %" PRId64 " rows after AUDIT_RETENTION_DAYS", watch->retired);
        watch->kept_logged = false;
    }
    watch->retired = watch->retired_changed = 0;
    if (watch->retention.kept >= AUDIT_CHAIN_BATCH && !watch->kept_logged) {
        log_error("audit: retention keeps the oldest %" PRId64
                  " rows, which were edited or are missing: run kontora audit verify",
                  watch->retention.kept);
        watch->kept_logged = true;
    }
}

/* Deletes a batch. *more_r is true if more rows may be due. */
static struct error *retire_rows(struct audit_watch *watch, struct arena *arena, bool *more_r)
{
    struct audit_retention *retention = &watch->retention;
    int64_t now = clock_wall_ms();
    *more_r = false;
    if (!watch->retention_days) {
        return NULL;
    }
    struct error *error = audit_retention_run(
        watch->store, arena, watch->key, now - watch->retention_days * MS_PER_DAY, now, retention);
    if (error) {
        return error;
    }
    watch->retired += retention->deleted;
    watch->retired_changed += retention->changed;
    *more_r = retention->more;
    if (!*more_r) {
        log_retention(watch);
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
    if (!error && end_problem(&watch->failing)) {
        log_info("audit: linking rows works again");
    } else if (error && must_log(&watch->failing, error->id)) {
        log_warning("audit: cannot link rows: %s", error->cause ? error->cause : "unknown cause");
    }
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
