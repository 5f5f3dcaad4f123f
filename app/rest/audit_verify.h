/*
 * Audit verify: verifies the chain of audit rows (rest/audit_chain.h) and compares it with the
 * heads that the audit file records. Reports a line for each problem, with the id of the row:
 *
 * - edited: a column of the row has changed;
 * - deleted: the row, or its link, or both;
 * - reordered: the row has the content, or the position, of another row;
 * - link edited or forged: somebody without the key wrote the link;
 * - linked twice;
 * - cut off at the end: a head of the audit file is beyond the last link, or differs from the link
 *   at its position;
 * - anchor invalid: it was edited, or rows were changed before retention deleted them.
 *
 * Reads the tables in pages, so that memory is bounded. The service may write meanwhile.
 */
#ifndef REST_AUDIT_VERIFY_H
#define REST_AUDIT_VERIFY_H

#include "base/error.h"
#include "http/audit_head.h"
#include "store/store.h"

#include <stdint.h>

struct arena;
struct audit_verify;

/* Called with each problem; the line has no line break. */
typedef void audit_verify_report(void *context, const char *line);

struct audit_verify_summary {
    int64_t verified;        /* rows that match their links */
    int64_t erased;          /* of them, rows whose changes were erased */
    int64_t removed;         /* rows that retention has deleted */
    int64_t not_linked;      /* rows without a link, including pending ones */
    int64_t not_linked_ms;   /* time of the oldest of them; 0: none */
    int64_t last_position;   /* of the last link; 0: there are none */
    int64_t newest_position; /* of the newest head in the audit files; 0: none */
    int64_t problems;
};

/* `store` and `key` (audit_chain_key()) must outlive the verification. */
struct audit_verify *audit_verify_new(struct store *store, const char *key,
                                      audit_verify_report *report, void *context)
    __attribute__((returns_nonnull));

void audit_verify_free(struct audit_verify **verify);

/* Verifies all links and rows. In this and the next function, the arena is only for the error. */
struct error *audit_verify_tables(struct audit_verify *verify, struct arena *arena) MUST_CHECK;

/* Compares a head with its link. Called after audit_verify_tables(), for each head of the audit
 * files in any order. `source` is the name of the file. */
struct error *audit_verify_head(struct audit_verify *verify, struct arena *arena,
                                const struct audit_head *head, const char *source) MUST_CHECK;

/* Reports the problems that the heads show, and returns the summary. */
void audit_verify_end(struct audit_verify *verify, struct audit_verify_summary *summary_r);

#endif
