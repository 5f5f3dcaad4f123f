/*
 * Audit chain: shows if rows of the audit were edited or deleted. Each row of the table `audit`
 * that is not pending gets a link in `audit_links`, within a second. Links have positions without
 * gaps, in the order of linking, and each has two tags under a key that is not in the database:
 *
 *     changes_digest = SHA-256(salt, changes)
 *     digest(row)    = SHA-256(at, organization_id, directory, actor, actor_id, address, action,
 *                              resource, object_id, status, code, request_id, reverts,
 *                              changes_digest)
 *     row_tag        = HMAC(key, position, audit_id, previous_id, digest(row))
 *     chain_tag      = HMAC(key, chain_tag of the previous link, row_tag)
 *
 * Each value is preceded by its type and length, so that no two rows have the same input. The link
 * keeps changes_digest, so `changes` and `salt` of a linked row may be set to null together: the
 * values are erased, and the tags stay valid. No other column of a linked row may change. Whoever
 * changes the status of a row must do so only while it is pending (UPDATE … WHERE status =
 * 'pending'). `linked` is not covered: it only finds rows without links. Nor is actor_key, which is
 * computed from the actor.
 *
 * The last link is the head. It is also written to the audit file, which shows if the end of the
 * chain was deleted. On PostgreSQL, transactions may commit in another order than that of their
 * ids, so positions and ids may have different orders.
 */
#ifndef REST_AUDIT_CHAIN_H
#define REST_AUDIT_CHAIN_H

#include "auth/digest.h"
#include "base/config.h"
#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

enum {
    AUDIT_CHAIN_BATCH = 250, /* maximum number of rows of one transaction */

    /* Time after which a pending row has been abandoned: longer than any request, see RUNNING_MS in
     * rest/idempotency.c. */
    AUDIT_CHAIN_PENDING_MS = 600 * 1000,
};

/* The last link, or what precedes the first one: the anchor, or position 0 and a tag of zeros. */
struct audit_chain_head {
    int64_t position, audit_id;
    unsigned char chain_tag[DIGEST_SIZE];
};

/* Returns the key of the tags: AUDIT_KEY, or else derived from SECRET_KEY. */
const char *audit_chain_key(const struct config *config, struct arena *arena)
    __attribute__((returns_nonnull));

/* --- links ------------------------------------------------------------------------------------ */

struct audit_chain_link {
    int64_t position, audit_id;
    int64_t previous_id; /* valid if has_previous is true; otherwise this is the first link */
    bool has_previous;
    bool has_changes; /* changes_digest is valid */
    unsigned char changes_digest[DIGEST_SIZE];
    unsigned char row_tag[DIGEST_SIZE], chain_tag[DIGEST_SIZE];
};

/* A row as its digest covers it, without `changes` and `salt`. */
struct audit_chain_row {
    int64_t at;
    bool has_changes; /* changes_digest is valid: `changes` or `salt` is not null */
    unsigned char changes_digest[DIGEST_SIZE];
    const char *columns; /* input of the digest up to changes_digest; in the arena */
    size_t columns_length;
};

/* Copies the row of a query whose columns begin with @audit_covered@. */
void audit_chain_read_row(const struct store_query *query, struct arena *arena,
                          struct audit_chain_row *row_r);

/* Copies the link of SQL_AUDIT_LINKS_PAGE. */
void audit_chain_read_link(const struct store_query *query, struct audit_chain_link *link_r);

/* Computes digest(row) with this changes_digest; NULL: the row has no changes. */
void audit_chain_digest(struct arena *arena, const struct audit_chain_row *row,
                        const unsigned char *changes_digest, unsigned char digest_r[DIGEST_SIZE]);

/* Computes the row_tag of a link for a row with this digest. */
void audit_chain_row_tag(struct arena *arena, const char *key, const struct audit_chain_link *link,
                         const unsigned char digest[DIGEST_SIZE], unsigned char tag_r[DIGEST_SIZE]);

/* Computes the chain_tag of a link that follows `previous`. */
void audit_chain_next_tag(struct arena *arena, const char *key,
                          const unsigned char previous[DIGEST_SIZE],
                          const unsigned char row_tag[DIGEST_SIZE],
                          unsigned char tag_r[DIGEST_SIZE]);

/* True if the row is the one for which the link was made. Of erased changes, the link has the
 * digest. */
bool audit_chain_row_matches(struct arena *arena, const char *key,
                             const struct audit_chain_link *link,
                             const struct audit_chain_row *row);

/* --- the anchor ------------------------------------------------------------------------------- */

/* The last link that retention has deleted, with all links before it. */
struct audit_chain_anchor {
    struct audit_chain_head head; /* position 0: nothing was deleted */
    int64_t removed_at;
    int64_t removed_count; /* number of unchanged rows; the position, unless rows were changed */
    bool valid;            /* the tag is correct, or nothing was deleted */
};

struct error *audit_chain_read_anchor(struct store *store, struct arena *arena, const char *key,
                                      struct audit_chain_anchor *anchor_r) MUST_CHECK;

/* Replaces the anchor. Called inside store_write(). */
struct error *audit_chain_write_anchor(struct store *store, struct arena *arena, const char *key,
                                       const struct audit_chain_anchor *anchor) MUST_CHECK;

/* --- linking ---------------------------------------------------------------------------------- */

/* Sets *locked_r to true if no other host links or deletes rows until the end of the transaction.
 * Called first inside store_write_unserialized(), whose later statements then see all that other
 * hosts have committed. */
struct error *audit_chain_lock(struct store *store, struct arena *arena, bool *locked_r) MUST_CHECK;

/* Reads the head. */
struct error *audit_chain_read_head(struct store *store, struct arena *arena, const char *key,
                                    struct audit_chain_head *head_r) MUST_CHECK;

/* Links the oldest AUDIT_CHAIN_BATCH rows without a link, or as many as there are, and commits.
 * *count_r is their number; 0 also if another host links rows at the moment. Writes nothing if
 * there are no such rows. */
struct error *audit_chain_link_batch(struct store *store, struct arena *arena, const char *key,
                                     int64_t *count_r) MUST_CHECK;

/* Sets the status of rows that are pending for longer than AUDIT_CHAIN_PENDING_MS to `unknown`,
 * because the process that handled their request was killed, and commits. */
struct error *audit_chain_expire_pending(struct store *store, struct arena *arena, int64_t now_ms,
                                         int64_t *count_r) MUST_CHECK;

/* Counts the rows that wait for their link, up to 10,000. *oldest_ms_r is the time of the oldest; 0
 * if there are none. */
struct error *audit_chain_count_waiting(struct store *store, struct arena *arena, int64_t *count_r,
                                        int64_t *oldest_ms_r) MUST_CHECK;

#endif
