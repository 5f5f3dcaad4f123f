/* See audit_verify.h. */
#include "rest/audit_verify.h"

#include "base/arena.h"
#include "base/random.h"
#include "rest/audit_chain.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
    SUSPECTS_MAX = 256, /* links that are compared with each other to find reordered ones */
    RANGE = 5000,       /* rows per statement in the search for rows without links */
};

/* A link that does not match its row or the link before it. */
struct suspect {
    struct audit_chain_link link;
    int64_t position, previous_id; /* that follow from the link before it */
    bool follows;                  /* the chain_tag is correct, so the row_tag is, too */
    /* digests of the row, with the changes that it has, and with those of the link */
    unsigned char own_digest[DIGEST_SIZE], link_digest[DIGEST_SIZE];
};

/* A head of an audit file that contradicts the table. */
struct contradiction {
    struct audit_head head;
    char *source; /* NULL: none */
    int64_t count;
};

struct audit_verify {
    struct store *store;
    const char *key;
    audit_verify_report *report;
    void *context;
    struct audit_verify_summary summary;

    struct audit_chain_anchor anchor;
    int64_t start; /* position that precedes the first link */

    /* The last link that was examined. Two tags may precede that of the next link: the stored one,
     * or the one that should be stored. */
    int64_t position, audit_id;
    unsigned char stored_tag[DIGEST_SIZE], expected_tag[DIGEST_SIZE];
    bool tag_unknown; /* links are missing before the next one */
    bool damaged;     /* the chain_tag was wrong */
    int64_t examined;

    struct suspect suspects[SUSPECTS_MAX];
    size_t suspect_count;
    struct contradiction beyond;  /* the head with the highest position after the last link */
    struct contradiction differs; /* the first head that differs from its link */
};

struct audit_verify *audit_verify_new(struct store *store, const char *key,
                                      audit_verify_report *report, void *context)
{
    struct audit_verify *verify = base_alloc(sizeof *verify);
    verify->store = store;
    verify->key = key;
    verify->report = report;
    verify->context = context;
    return verify;
}

void audit_verify_free(struct audit_verify **verify)
{
    free((*verify)->beyond.source);
    free((*verify)->differs.source);
    free(*verify);
    *verify = NULL;
}

static void report_problem(struct audit_verify *verify, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void report_problem(struct audit_verify *verify, const char *format, ...)
{
    struct arena *arena = arena_new();
    va_list arguments;
    va_start(arguments, format);
    verify->report(verify->context, arena_format_v(arena, format, arguments));
    va_end(arguments);
    arena_free(&arena);
    verify->summary.problems++;
}

/* --- suspects --------------------------------------------------------------------------------- */

/* True if the row_tag of `link` is that of a link with the position, row and previous row of
 * `parts`, and a row with this digest. */
static bool is_tag_of(const struct audit_verify *verify, const struct audit_chain_link *link,
                      const struct audit_chain_link *parts, const unsigned char *digest)
{
    unsigned char tag[DIGEST_SIZE];
    struct arena *arena = arena_new();
    audit_chain_row_tag(arena, verify->key, parts, digest, tag);
    arena_free(&arena);
    return !memcmp(tag, link->row_tag, DIGEST_SIZE);
}

/* Returns the suspect whose row or position the suspect has; NULL: none. */
static const struct suspect *find_exchanged(const struct audit_verify *verify,
                                            const struct suspect *suspect)
{
    for (size_t i = 0; i < verify->suspect_count; i++) {
        const struct suspect *other = &verify->suspects[i];
        struct audit_chain_link moved = suspect->link, renamed = suspect->link;
        moved.position = other->link.position;
        renamed.audit_id = other->link.audit_id;
        if (other->link.position != suspect->link.position &&
            (is_tag_of(verify, &other->link, &other->link, suspect->own_digest) ||
             is_tag_of(verify, &suspect->link, &moved, suspect->link_digest) ||
             is_tag_of(verify, &suspect->link, &renamed, other->own_digest))) {
            return other;
        }
    }
    return NULL;
}

/* Returns the problem of a suspect that no other one explains. */
static const char *describe_alone(const struct audit_verify *verify, const struct suspect *suspect)
{
    const struct audit_chain_link *link = &suspect->link;
    struct audit_chain_link repaired = *link;
    repaired.position = suspect->position;
    repaired.previous_id = suspect->previous_id;
    repaired.has_previous = suspect->previous_id != 0;
    if (is_tag_of(verify, link, link, suspect->link_digest)) {
        return suspect->follows ? "edited: its changes differ from their digest" : "link edited";
    }
    if (suspect->follows) {
        return is_tag_of(verify, link, link, suspect->own_digest) ||
                       is_tag_of(verify, link, &repaired, suspect->own_digest)
                   ? "link edited"
                   : "edited";
    }
    return "link edited or forged";
}

static struct error *count_links_of(const struct audit_verify *verify, struct arena *arena,
                                    int64_t audit_id, int64_t *count_r)
{
    struct store_query *query = store_query(verify->store, arena, SQL_AUDIT_LINKS_OF);
    bool row;
    store_bind_integer(query, audit_id);
    struct error *error = store_next(query, &row);
    *count_r = !error && row ? store_integer(query, SQL_AUDIT_LINKS_OF_COUNT) : 0;
    store_end(query);
    return error;
}

static struct error *report_suspect(struct audit_verify *verify, struct arena *arena,
                                    const struct suspect *suspect)
{
    int64_t id = suspect->link.audit_id, links;
    struct error *error = count_links_of(verify, arena, id, &links);
    const struct suspect *other = error ? NULL : find_exchanged(verify, suspect);
    if (error) {
        return error;
    }
    if (links > 1) {
        report_problem(verify, "row %" PRId64 ": linked twice, also at position %" PRId64, id,
                       suspect->link.position);
    } else if (other) {
        report_problem(verify, "row %" PRId64 ": reordered: exchanged with row %" PRId64, id,
                       other->link.audit_id);
    } else {
        report_problem(verify, "row %" PRId64 ": %s", id, describe_alone(verify, suspect));
    }
    return NULL;
}

/* Keeps a suspect until all links are known. If there are too many, reports it at once. */
static struct error *add_suspect(struct audit_verify *verify, struct arena *arena,
                                 const struct audit_chain_link *link,
                                 const struct audit_chain_row *row, bool follows)
{
    struct suspect suspect = {
        .link = *link,
        .position = verify->position + 1,
        .previous_id = verify->audit_id,
        .follows = follows,
    };
    audit_chain_digest(arena, row, row->has_changes ? row->changes_digest : NULL,
                       suspect.own_digest);
    audit_chain_digest(arena, row, link->has_changes ? link->changes_digest : NULL,
                       suspect.link_digest);
    if (verify->suspect_count == SUSPECTS_MAX) {
        return report_suspect(verify, arena, &suspect);
    }
    verify->suspects[verify->suspect_count++] = suspect;
    return NULL;
}

/* --- the anchor ------------------------------------------------------------------------------- */

static void continue_after(struct audit_verify *verify, const struct audit_chain_head *head)
{
    verify->position = head->position;
    verify->audit_id = head->audit_id;
    memcpy(verify->stored_tag, head->chain_tag, DIGEST_SIZE);
    memcpy(verify->expected_tag, head->chain_tag, DIGEST_SIZE);
    verify->tag_unknown = false;
}

static struct error *verify_anchor(struct audit_verify *verify, struct arena *arena)
{
    const struct audit_chain_anchor *anchor = &verify->anchor;
    struct error *error =
        audit_chain_read_anchor(verify->store, arena, verify->key, &verify->anchor);
    if (error) {
        return error;
    }
    continue_after(verify, &anchor->head);
    verify->start = anchor->head.position;
    if (!anchor->valid) {
        report_problem(verify, "row %" PRId64 ": anchor invalid: it was edited",
                       anchor->head.audit_id);
        verify->tag_unknown = true;
        verify->start = verify->position = INT64_MIN;
    } else if (anchor->removed_count != anchor->head.position) {
        report_problem(verify,
                       "row %" PRId64 ": anchor invalid: %" PRId64 " of the %" PRId64
                       " rows up to this one were edited or missing before retention deleted them",
                       anchor->head.audit_id, anchor->head.position - anchor->removed_count,
                       anchor->head.position);
    }
    return NULL;
}

/* --- missing links ---------------------------------------------------------------------------- */

/* Reports the row of one missing link. If the row exists and is marked as linked, the search for
 * rows without links reports it. */
static struct error *report_missing_link(struct audit_verify *verify, struct arena *arena,
                                         int64_t audit_id, int64_t position)
{
    struct store_query *query = store_query(verify->store, arena, SQL_AUDIT_CHAIN_ROW);
    bool row;
    store_bind_integer(query, audit_id);
    struct error *error = store_next(query, &row);
    if (error) {
        return error;
    }
    if (!row) {
        report_problem(verify, "row %" PRId64 ": deleted, with its link at position %" PRId64,
                       audit_id, position);
    } else if (!store_integer(query, SQL_AUDIT_CHAIN_ROW_LINKED) ||
               store_integer(query, SQL_AUDIT_CHAIN_ROW_LINKS)) {
        report_problem(verify, "row %" PRId64 ": its link at position %" PRId64 " was deleted",
                       audit_id, position);
    }
    store_end(query);
    return NULL;
}

/* Examines missing positions before a link. Retention may have deleted them since the anchor was
 * read. */
static struct error *examine_gap(struct audit_verify *verify, struct arena *arena,
                                 const struct audit_chain_link *link)
{
    struct audit_chain_anchor anchor;
    int64_t missing = link->position - verify->position - 1;
    struct error *error = audit_chain_read_anchor(verify->store, arena, verify->key, &anchor);
    if (error) {
        return error;
    }
    if (anchor.valid && anchor.head.position > verify->anchor.head.position &&
        anchor.head.position >= link->position - 1) {
        verify->anchor = anchor;
        continue_after(verify, &anchor.head);
        verify->tag_unknown = anchor.head.position >= link->position;
        return NULL;
    }
    verify->tag_unknown = true;
    if (link->previous_id == verify->audit_id) {
        report_problem(verify,
                       "row %" PRId64 ": link edited: no links have the positions %" PRId64
                       " to %" PRId64 " before its own",
                       link->audit_id, verify->position + 1, link->position - 1);
        return NULL;
    }
    if (missing > 1) {
        report_problem(verify,
                       "row %" PRId64 ": deleted, or its link, and %" PRId64
                       " more: no links have the positions %" PRId64 " to %" PRId64,
                       link->previous_id, missing - 1, verify->position + 1, link->position - 1);
        return NULL;
    }
    return report_missing_link(verify, arena, link->previous_id, link->position - 1);
}

/* --- links ------------------------------------------------------------------------------------ */

/* True if the chain_tag of the link follows from the link before it. Advances to this link. */
static bool follow_link(struct audit_verify *verify, struct arena *arena,
                        const struct audit_chain_link *link)
{
    unsigned char after_stored[DIGEST_SIZE], after_expected[DIGEST_SIZE];
    audit_chain_next_tag(arena, verify->key, verify->stored_tag, link->row_tag, after_stored);
    audit_chain_next_tag(arena, verify->key, verify->expected_tag, link->row_tag, after_expected);
    bool follows = verify->tag_unknown || !memcmp(after_stored, link->chain_tag, DIGEST_SIZE) ||
                   !memcmp(after_expected, link->chain_tag, DIGEST_SIZE);
    memcpy(verify->stored_tag, link->chain_tag, DIGEST_SIZE);
    memcpy(verify->expected_tag, follows ? link->chain_tag : after_expected, DIGEST_SIZE);
    return follows;
}

static struct error *examine_next_link(struct audit_verify *verify, struct arena *arena,
                                       const struct store_query *query)
{
    struct audit_chain_link link;
    struct audit_chain_row row;
    struct error *error = NULL;
    audit_chain_read_link(query, &link);
    verify->examined++;
    if (link.position <= verify->start) {
        report_problem(verify,
                       "row %" PRId64 ": link forged: position %" PRId64 " precedes the first one",
                       link.audit_id, link.position);
        return NULL;
    }
    if (verify->position == INT64_MIN) { /* the anchor does not tell the first position */
        verify->position = link.position - 1;
    }
    if (link.position != verify->position + 1) {
        error = examine_gap(verify, arena, &link);
    }
    bool exists = !store_is_null(query, SQL_AUDIT_LINKS_PAGE_ID);
    bool follows = follow_link(verify, arena, &link), after_damage = verify->damaged;
    verify->damaged = !follows;
    if (!error && !exists) {
        report_problem(verify, "row %" PRId64 ": deleted", link.audit_id);
    } else if (!error) {
        audit_chain_read_row(query, arena, &row);
        /* After a damaged link, the chain_tag cannot be verified, but the row_tag can. */
        bool good =
            audit_chain_row_matches(arena, verify->key, &link, &row) && (follows || after_damage);
        verify->damaged = !follows && !good;
        verify->summary.verified += good;
        verify->summary.erased += good && link.has_changes && !row.has_changes;
        error = good ? NULL : add_suspect(verify, arena, &link, &row, follows);
    }
    verify->tag_unknown = false;
    verify->position = link.position;
    verify->audit_id = link.audit_id;
    return error;
}

/* Examines the links after a position. *count_r is their number. */
static struct error *examine_page(struct audit_verify *verify, struct arena *arena,
                                  int64_t *position, int64_t *count_r)
{
    struct store_query *query = store_query(verify->store, arena, SQL_AUDIT_LINKS_PAGE);
    bool row;
    store_bind_integer(query, *position);
    store_bind_integer(query, AUDIT_CHAIN_BATCH);
    *count_r = 0;
    struct error *error = store_next(query, &row);
    while (!error && row) {
        *position = store_integer(query, SQL_AUDIT_LINKS_PAGE_POSITION);
        error = examine_next_link(verify, arena, query);
        ++*count_r;
        if (!error) {
            error = store_next(query, &row);
        }
    }
    return error;
}

/* True if many links were examined and none is correct. */
static bool has_other_key(const struct audit_verify *verify)
{
    return verify->examined >= AUDIT_CHAIN_BATCH && !verify->summary.verified;
}

/* Copies an error into the arena of the result. */
static struct error *keep_error_in(struct arena *result, const struct error *error)
{
    return error ? error_new(result, error->id, "%s", error->cause ? error->cause : "") : NULL;
}

static struct error *verify_links(struct audit_verify *verify, struct arena *result)
{
    int64_t position = INT64_MIN, count = 1;
    struct error *error = NULL;
    while (!error && count && !has_other_key(verify)) {
        struct arena *arena = arena_new();
        error = examine_page(verify, arena, &position, &count);
        error = keep_error_in(result, error);
        arena_free(&arena);
    }
    verify->summary.last_position = verify->position > 0 ? verify->position : 0;
    if (!error && has_other_key(verify)) {
        verify->suspect_count = 0;
        report_problem(verify,
                       "no link up to row %" PRId64 " is correct: AUDIT_KEY, or SECRET_KEY if "
                       "AUDIT_KEY is empty, is not the key of these links",
                       verify->audit_id);
    }
    return error;
}

/* --- rows without links ----------------------------------------------------------------------- */

static struct error *find_range_end(struct store *store, struct arena *arena, int64_t after,
                                    int64_t *end_r)
{
    struct store_query *query = store_query(store, arena, SQL_AUDIT_CHAIN_RANGE);
    bool row;
    store_bind_integer(query, after);
    store_bind_integer(query, RANGE);
    struct error *error = store_next(query, &row);
    bool found = !error && row && !store_is_null(query, SQL_AUDIT_CHAIN_RANGE_LAST);
    *end_r = found ? store_integer(query, SQL_AUDIT_CHAIN_RANGE_LAST) : after;
    store_end(query);
    return error;
}

static struct error *examine_range(struct audit_verify *verify, struct arena *arena, int64_t after,
                                   int64_t end)
{
    struct audit_verify_summary *summary = &verify->summary;
    struct store_query *query = store_query(verify->store, arena, SQL_AUDIT_WITHOUT_LINK);
    bool row;
    store_bind_integer(query, after);
    store_bind_integer(query, end);
    struct error *error = store_next(query, &row);
    while (!error && row) {
        int64_t at = store_integer(query, SQL_AUDIT_WITHOUT_LINK_AT);
        if (store_integer(query, SQL_AUDIT_WITHOUT_LINK_LINKED)) {
            report_problem(verify,
                           "row %" PRId64 ": its link was deleted, or the row was inserted by hand",
                           store_integer(query, SQL_AUDIT_WITHOUT_LINK_ID));
        } else if (!summary->not_linked++ || at < summary->not_linked_ms) {
            summary->not_linked_ms = at;
        }
        error = store_next(query, &row);
    }
    return error;
}

static struct error *find_rows_without_links(struct audit_verify *verify, struct arena *result)
{
    int64_t after = INT64_MIN, end = 0;
    struct error *error = NULL;
    for (bool more = true; !error && more; after = end) {
        struct arena *arena = arena_new();
        error = find_range_end(verify->store, arena, after, &end);
        more = !error && end != after;
        if (more) {
            error = examine_range(verify, arena, after, end);
        }
        error = keep_error_in(result, error);
        arena_free(&arena);
    }
    return error;
}

struct error *audit_verify_tables(struct audit_verify *verify, struct arena *arena)
{
    struct error *error = verify_anchor(verify, arena);
    if (!error) {
        error = verify_links(verify, arena);
    }
    if (!error && !has_other_key(verify)) {
        error = find_rows_without_links(verify, arena);
    }
    for (size_t i = 0; !error && i < verify->suspect_count; i++) {
        error = report_suspect(verify, arena, &verify->suspects[i]);
    }
    return error;
}

/* --- heads ------------------------------------------------------------------------------------ */

static void keep_contradiction(struct contradiction *kept, const struct audit_head *head,
                               const char *source)
{
    free(kept->source);
    kept->head = *head;
    kept->source = base_strdup(source);
}

/* Reads the chain_tag at a position as hexadecimal digits; empty: there is no link. */
static struct error *read_chain_tag(struct store *store, struct arena *arena, int64_t position,
                                    char tag_r[AUDIT_HEAD_TAG_SIZE])
{
    struct store_query *query = store_query(store, arena, SQL_AUDIT_LINKS_AT);
    bool row;
    size_t length;
    store_bind_integer(query, position);
    *tag_r = '\0';
    struct error *error = store_next(query, &row);
    if (!error && row) {
        const unsigned char *tag = store_bytes(query, SQL_AUDIT_LINKS_AT_CHAIN_TAG, &length);
        memset(tag_r, '?', AUDIT_HEAD_TAG_SIZE); /* a tag of another length was edited */
        if (length == DIGEST_SIZE) {
            random_format_hex(tag, DIGEST_SIZE, tag_r);
        }
    }
    store_end(query);
    return error;
}

struct error *audit_verify_head(struct audit_verify *verify, struct arena *arena,
                                const struct audit_head *head, const char *source)
{
    char tag[AUDIT_HEAD_TAG_SIZE];
    struct arena *scratch = arena_new();
    struct error *error = read_chain_tag(verify->store, scratch, head->position, tag);
    if (!error && !*tag) { /* retention may have deleted the link meanwhile */
        error = audit_chain_read_anchor(verify->store, scratch, verify->key, &verify->anchor);
    }
    error = keep_error_in(arena, error);
    arena_free(&scratch);
    if (error) {
        return error;
    }
    if (head->position > verify->summary.newest_position) {
        verify->summary.newest_position = head->position;
    }
    bool removed = head->position <= verify->anchor.head.position;
    if (*tag && memcmp(tag, head->chain_tag, AUDIT_HEAD_TAG_SIZE - 1) != 0 &&
        !verify->differs.count++) {
        keep_contradiction(&verify->differs, head, source);
    }
    if (!*tag && !removed && head->position > verify->summary.last_position &&
        head->position > verify->beyond.head.position) {
        keep_contradiction(&verify->beyond, head, source);
    }
    return NULL;
}

void audit_verify_end(struct audit_verify *verify, struct audit_verify_summary *summary_r)
{
    const struct contradiction *beyond = &verify->beyond, *differs = &verify->differs;
    if (beyond->source) {
        report_problem(verify,
                       "row %" PRId64 ": cut off at the end: %s has its link at position %" PRId64
                       " since %s, the last link is at position %" PRId64,
                       beyond->head.audit_id, beyond->source, beyond->head.position,
                       beyond->head.timestamp, verify->summary.last_position);
    }
    if (differs->source) {
        report_problem(verify,
                       "row %" PRId64
                       ": cut off or edited: %s has another link at position %" PRId64
                       " since %s (%" PRId64 " such lines)",
                       differs->head.audit_id, differs->source, differs->head.position,
                       differs->head.timestamp, differs->count);
    }
    verify->summary.removed = verify->anchor.head.position;
    *summary_r = verify->summary;
}
