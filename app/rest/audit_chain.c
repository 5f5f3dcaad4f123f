/* See audit_chain.h. */
#include "rest/audit_chain.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/random.h"

#include <inttypes.h>
#include <string.h>

/* Columns of @audit_covered@. */
enum covered {
    COVERED_AT,
    COVERED_ORGANIZATION,
    COVERED_DIRECTORY,
    COVERED_ACTOR,
    COVERED_ACTOR_ID,
    COVERED_ADDRESS,
    COVERED_ACTION,
    COVERED_RESOURCE,
    COVERED_OBJECT,
    COVERED_STATUS,
    COVERED_CODE,
    COVERED_REQUEST,
    COVERED_REVERTS,
    COVERED_SALT,
    COVERED_CHANGES,
};

_Static_assert((int)COVERED_CHANGES == (int)SQL_AUDIT_LINKS_PAGE_CHANGES &&
                   (int)COVERED_CHANGES == (int)SQL_AUDIT_LINKABLE_PAGE_CHANGES,
               "columns of @audit_covered@");

const char *audit_chain_key(const struct config *config, struct arena *arena)
{
    static const char label[] = "audit";
    char *text = arena_alloc(arena, 2 * DIGEST_SIZE + 1);
    if (*config->audit_key) {
        return config->audit_key;
    }
    random_format_hex(digest_hmac(arena, config->secret_key, label, strlen(label)), DIGEST_SIZE,
                      text);
    return text;
}

/* --- input of the digests --------------------------------------------------------------------- */

enum input_type { INPUT_NULL = 'n', INPUT_INTEGER = 'i', INPUT_BYTES = 'b' };

static void add_big_endian(struct buffer *input, uint64_t number)
{
    for (int shift = 56; shift >= 0; shift -= 8) {
        buffer_add_char(input, (char)(number >> shift));
    }
}

static void add_integer(struct buffer *input, bool present, int64_t integer)
{
    buffer_add_char(input, (char)(present ? INPUT_INTEGER : INPUT_NULL));
    add_big_endian(input, present ? (uint64_t)integer : 0);
}

/* Adds text or bytes; NULL: null. */
static void add_bytes(struct buffer *input, const void *bytes, size_t length)
{
    buffer_add_char(input, (char)(bytes ? INPUT_BYTES : INPUT_NULL));
    add_big_endian(input, bytes ? length : 0);
    if (bytes && length) {
        buffer_add(input, bytes, length);
    }
}

static void add_integer_column(struct buffer *input, const struct store_query *query,
                               enum covered column)
{
    bool present = !store_is_null(query, column);
    add_integer(input, present, present ? store_integer(query, column) : 0);
}

static void compute_digest(const struct buffer *input, unsigned char digest_r[DIGEST_SIZE])
{
    memcpy(digest_r, digest_sha256(input->arena, input->bytes, input->length), DIGEST_SIZE);
}

static void compute_tag(const struct buffer *input, const char *key,
                        unsigned char tag_r[DIGEST_SIZE])
{
    memcpy(tag_r, digest_hmac(input->arena, key, input->bytes, input->length), DIGEST_SIZE);
}

/* --- rows ------------------------------------------------------------------------------------- */

static void read_row_changes(const struct store_query *query, struct arena *arena,
                             struct audit_chain_row *row)
{
    struct buffer input = {.arena = arena};
    size_t salt_length, changes_length;
    const void *salt = store_bytes(query, COVERED_SALT, &salt_length);
    const char *changes = store_text(query, COVERED_CHANGES, &changes_length);
    row->has_changes = salt || changes;
    if (row->has_changes) {
        add_bytes(&input, salt, salt_length);
        add_bytes(&input, changes, changes_length);
        compute_digest(&input, row->changes_digest);
    }
}

void audit_chain_read_row(const struct store_query *query, struct arena *arena,
                          struct audit_chain_row *row_r)
{
    struct buffer input = {.arena = arena};
    *row_r = (struct audit_chain_row){.at = store_integer(query, COVERED_AT)};
    buffer_add_string(&input, "kontora audit row 1\n");
    add_integer_column(&input, query, COVERED_AT);
    add_integer_column(&input, query, COVERED_ORGANIZATION);
    add_integer_column(&input, query, COVERED_DIRECTORY);
    for (size_t column = COVERED_ACTOR; column <= COVERED_REQUEST; column++) {
        size_t length;
        const char *text = store_text(query, column, &length);
        add_bytes(&input, text, length);
    }
    add_integer_column(&input, query, COVERED_REVERTS);
    row_r->columns = input.bytes;
    row_r->columns_length = input.length;
    read_row_changes(query, arena, row_r);
}

void audit_chain_digest(struct arena *arena, const struct audit_chain_row *row,
                        const unsigned char *changes_digest, unsigned char digest_r[DIGEST_SIZE])
{
    struct buffer input = {.arena = arena};
    buffer_add(&input, row->columns, row->columns_length);
    add_bytes(&input, changes_digest, DIGEST_SIZE);
    compute_digest(&input, digest_r);
}

/* --- links ------------------------------------------------------------------------------------ */

/* Copies a digest or a tag. One of another length was edited: it is replaced by zeros, which match
 * nothing. Returns false if it is null. */
static bool copy_digest(const struct store_query *query, size_t column,
                        unsigned char digest_r[DIGEST_SIZE])
{
    size_t length;
    const void *bytes = store_bytes(query, column, &length);
    memset(digest_r, 0, DIGEST_SIZE);
    if (bytes && length == DIGEST_SIZE) {
        memcpy(digest_r, bytes, DIGEST_SIZE);
    }
    return bytes != NULL;
}

void audit_chain_read_link(const struct store_query *query, struct audit_chain_link *link_r)
{
    *link_r = (struct audit_chain_link){
        .position = store_integer(query, SQL_AUDIT_LINKS_PAGE_POSITION),
        .audit_id = store_integer(query, SQL_AUDIT_LINKS_PAGE_AUDIT_ID),
        .previous_id = store_integer(query, SQL_AUDIT_LINKS_PAGE_PREVIOUS_ID),
        .has_previous = !store_is_null(query, SQL_AUDIT_LINKS_PAGE_PREVIOUS_ID),
    };
    link_r->has_changes =
        copy_digest(query, SQL_AUDIT_LINKS_PAGE_CHANGES_DIGEST, link_r->changes_digest);
    (void)copy_digest(query, SQL_AUDIT_LINKS_PAGE_ROW_TAG, link_r->row_tag);
    (void)copy_digest(query, SQL_AUDIT_LINKS_PAGE_CHAIN_TAG, link_r->chain_tag);
}

void audit_chain_row_tag(struct arena *arena, const char *key, const struct audit_chain_link *link,
                         const unsigned char digest[DIGEST_SIZE], unsigned char tag_r[DIGEST_SIZE])
{
    struct buffer input = {.arena = arena};
    buffer_add_string(&input, "row\n");
    add_integer(&input, true, link->position);
    add_integer(&input, true, link->audit_id);
    add_integer(&input, link->has_previous, link->previous_id);
    add_bytes(&input, digest, DIGEST_SIZE);
    compute_tag(&input, key, tag_r);
}

void audit_chain_next_tag(struct arena *arena, const char *key,
                          const unsigned char previous[DIGEST_SIZE],
                          const unsigned char row_tag[DIGEST_SIZE],
                          unsigned char tag_r[DIGEST_SIZE])
{
    struct buffer input = {.arena = arena};
    buffer_add_string(&input, "chain\n");
    add_bytes(&input, previous, DIGEST_SIZE);
    add_bytes(&input, row_tag, DIGEST_SIZE);
    compute_tag(&input, key, tag_r);
}

bool audit_chain_row_matches(struct arena *arena, const char *key,
                             const struct audit_chain_link *link, const struct audit_chain_row *row)
{
    unsigned char digest[DIGEST_SIZE], tag[DIGEST_SIZE];
    if (row->has_changes && (!link->has_changes ||
                             memcmp(row->changes_digest, link->changes_digest, DIGEST_SIZE) != 0)) {
        return false;
    }
    audit_chain_digest(arena, row, link->has_changes ? link->changes_digest : NULL, digest);
    audit_chain_row_tag(arena, key, link, digest, tag);
    return !memcmp(tag, link->row_tag, DIGEST_SIZE);
}

/* --- the anchor ------------------------------------------------------------------------------- */

static void compute_anchor_tag(struct arena *arena, const char *key,
                               const struct audit_chain_anchor *anchor,
                               unsigned char tag_r[DIGEST_SIZE])
{
    struct buffer input = {.arena = arena};
    buffer_add_string(&input, "anchor\n");
    add_integer(&input, true, anchor->head.position);
    add_integer(&input, true, anchor->head.audit_id);
    add_bytes(&input, anchor->head.chain_tag, DIGEST_SIZE);
    add_integer(&input, true, anchor->removed_at);
    add_integer(&input, true, anchor->removed_count);
    compute_tag(&input, key, tag_r);
}

struct error *audit_chain_read_anchor(struct store *store, struct arena *arena, const char *key,
                                      struct audit_chain_anchor *anchor_r)
{
    unsigned char tag[DIGEST_SIZE], expected[DIGEST_SIZE];
    bool row;
    *anchor_r = (struct audit_chain_anchor){.valid = true};
    struct store_query *query = store_query(store, arena, SQL_AUDIT_ANCHORS_LAST);
    struct error *error = store_next(query, &row);
    if (error || !row) {
        return error;
    }
    anchor_r->head.position = store_integer(query, SQL_AUDIT_ANCHORS_LAST_POSITION);
    anchor_r->head.audit_id = store_integer(query, SQL_AUDIT_ANCHORS_LAST_AUDIT_ID);
    anchor_r->removed_at = store_integer(query, SQL_AUDIT_ANCHORS_LAST_REMOVED_AT);
    anchor_r->removed_count = store_integer(query, SQL_AUDIT_ANCHORS_LAST_REMOVED_COUNT);
    (void)copy_digest(query, SQL_AUDIT_ANCHORS_LAST_CHAIN_TAG, anchor_r->head.chain_tag);
    (void)copy_digest(query, SQL_AUDIT_ANCHORS_LAST_TAG, tag);
    compute_anchor_tag(arena, key, anchor_r, expected);
    anchor_r->valid = !memcmp(tag, expected, DIGEST_SIZE);
    store_end(query);
    return NULL;
}

struct error *audit_chain_write_anchor(struct store *store, struct arena *arena, const char *key,
                                       const struct audit_chain_anchor *anchor)
{
    unsigned char tag[DIGEST_SIZE];
    compute_anchor_tag(arena, key, anchor, tag);
    struct error *error = store_execute(store_query(store, arena, SQL_AUDIT_ANCHORS_CLEAR));
    if (error) {
        return error;
    }
    struct store_query *query = store_query(store, arena, SQL_AUDIT_ANCHORS_INSERT);
    store_bind_integer(query, anchor->head.position);
    store_bind_integer(query, anchor->head.audit_id);
    store_bind_bytes(query, anchor->head.chain_tag, DIGEST_SIZE);
    store_bind_integer(query, anchor->removed_at);
    store_bind_integer(query, anchor->removed_count);
    store_bind_bytes(query, tag, DIGEST_SIZE);
    return store_execute(query);
}

/* --- the head --------------------------------------------------------------------------------- */

struct error *audit_chain_lock(struct store *store, struct arena *arena, bool *locked_r)
{
    struct store_query *query = store_query(store, arena, SQL_AUDIT_CHAIN_LOCK);
    bool row;
    struct error *error = store_next(query, &row);
    *locked_r = !error && row && store_integer(query, SQL_AUDIT_CHAIN_LOCK_LOCKED) == 1;
    store_end(query);
    return error;
}

struct error *audit_chain_read_head(struct store *store, struct arena *arena, const char *key,
                                    struct audit_chain_head *head_r)
{
    struct audit_chain_anchor anchor;
    bool row;
    struct error *error = audit_chain_read_anchor(store, arena, key, &anchor);
    *head_r = anchor.head;
    if (error) {
        return error;
    }
    struct store_query *query = store_query(store, arena, SQL_AUDIT_LINKS_LAST);
    error = store_next(query, &row);
    if (!error && row && store_integer(query, SQL_AUDIT_LINKS_LAST_POSITION) > head_r->position) {
        head_r->position = store_integer(query, SQL_AUDIT_LINKS_LAST_POSITION);
        head_r->audit_id = store_integer(query, SQL_AUDIT_LINKS_LAST_AUDIT_ID);
        (void)copy_digest(query, SQL_AUDIT_LINKS_LAST_CHAIN_TAG, head_r->chain_tag);
    }
    store_end(query);
    return error;
}

/* --- linking ---------------------------------------------------------------------------------- */

/* A row to link. */
struct unlinked_row {
    int64_t id;
    unsigned char digest[DIGEST_SIZE];
    bool has_changes;
    unsigned char changes_digest[DIGEST_SIZE];
};

struct linking {
    struct arena *arena;
    const char *key;
    struct audit_chain_head head;
    struct unlinked_row *rows;
    int64_t count;
    int64_t repeated; /* a row that already had a link; 0: none */
};

/* Reads the rows of the batch and their digests. */
static struct error *read_unlinked_rows(struct store *store, struct linking *linking)
{
    struct store_query *query = store_query(store, linking->arena, SQL_AUDIT_LINKABLE_PAGE);
    bool found;
    store_bind_integer(query, AUDIT_CHAIN_BATCH);
    linking->rows = arena_array(linking->arena, AUDIT_CHAIN_BATCH, sizeof *linking->rows);
    struct error *error = store_next(query, &found);
    while (!error && found) {
        struct unlinked_row *unlinked = &linking->rows[linking->count++];
        struct audit_chain_row row;
        struct arena *arena = arena_new();
        audit_chain_read_row(query, arena, &row);
        unlinked->id = store_integer(query, SQL_AUDIT_LINKABLE_PAGE_ID);
        unlinked->has_changes = row.has_changes;
        memcpy(unlinked->changes_digest, row.changes_digest, DIGEST_SIZE);
        audit_chain_digest(arena, &row, row.has_changes ? row.changes_digest : NULL,
                           unlinked->digest);
        arena_free(&arena);
        error = store_next(query, &found);
    }
    return error;
}

/* Inserts a link after the head, unless the row has one already, and marks the row. */
static struct error *link_row(struct store *store, struct linking *linking,
                              const struct unlinked_row *row)
{
    struct arena *arena = linking->arena;
    struct audit_chain_head *head = &linking->head;
    struct audit_chain_link link = {
        .position = head->position + 1,
        .audit_id = row->id,
        .previous_id = head->audit_id,
        .has_previous = head->position > 0,
    };
    audit_chain_row_tag(arena, linking->key, &link, row->digest, link.row_tag);
    audit_chain_next_tag(arena, linking->key, head->chain_tag, link.row_tag, link.chain_tag);
    struct store_query *query = store_query(store, arena, SQL_AUDIT_LINKS_INSERT);
    store_bind_integer(query, link.position);
    store_bind_integer(query, link.audit_id);
    if (link.has_previous) {
        store_bind_integer(query, link.previous_id);
    } else {
        store_bind_null(query);
    }
    store_bind_bytes(query, row->has_changes ? row->changes_digest : NULL, DIGEST_SIZE);
    store_bind_bytes(query, link.row_tag, DIGEST_SIZE);
    store_bind_bytes(query, link.chain_tag, DIGEST_SIZE);
    struct error *error = store_execute(query);
    if (error) {
        return error;
    }
    if (store_changes(query) == 1) {
        *head = (struct audit_chain_head){.position = link.position, .audit_id = link.audit_id};
        memcpy(head->chain_tag, link.chain_tag, DIGEST_SIZE);
    } else {
        linking->repeated = row->id;
    }
    query = store_query(store, arena, SQL_AUDIT_MARK_LINKED);
    store_bind_integer(query, row->id);
    return store_execute(query);
}

static struct error *link_rows(struct store *store, void *context)
{
    struct linking *linking = context;
    bool locked;
    linking->count = linking->repeated = 0;
    struct error *error = audit_chain_lock(store, linking->arena, &locked);
    if (error || !locked) {
        return error;
    }
    error = audit_chain_read_head(store, linking->arena, linking->key, &linking->head);
    if (!error) {
        error = read_unlinked_rows(store, linking);
    }
    for (int64_t i = 0; !error && i < linking->count; i++) {
        error = link_row(store, linking, &linking->rows[i]);
    }
    return error;
}

/* Runs a query; *found_r is true if it returns a row. */
static struct error *find_any_row(struct store_query *query, bool *found_r)
{
    struct error *error = store_next(query, found_r);
    *found_r = *found_r && !error;
    store_end(query);
    return error;
}

struct error *audit_chain_link_batch(struct store *store, struct arena *arena, const char *key,
                                     int64_t *count_r)
{
    struct linking linking = {.arena = arena, .key = key};
    bool found;
    *count_r = 0;
    struct error *error = find_any_row(store_query(store, arena, SQL_AUDIT_LINKABLE), &found);
    if (error || !found) {
        return error;
    }
    error = store_write_unserialized(store, arena, link_rows, &linking);
    struct error *ending = store_group_commit(store, arena);
    error = error ? error : ending;
    if (!error && linking.repeated) {
        log_error("audit: row %" PRId64 " was marked as not linked, but it has a link: "
                  "the database was edited",
                  linking.repeated);
    }
    *count_r = error ? 0 : linking.count;
    return error;
}

/* --- pending rows ----------------------------------------------------------------------------- */

struct expiry {
    struct arena *arena;
    int64_t now_ms, count;
};

static struct store_query *begin_pending_query(struct store *store, const struct expiry *expiry,
                                               enum sql_statement statement)
{
    struct store_query *query = store_query(store, expiry->arena, statement);
    store_bind_integer(query, expiry->now_ms - AUDIT_CHAIN_PENDING_MS);
    store_bind_integer(query, expiry->now_ms + AUDIT_CHAIN_PENDING_MS);
    return query;
}

static struct error *expire_pending_rows(struct store *store, void *context)
{
    struct expiry *expiry = context;
    struct store_query *query = begin_pending_query(store, expiry, SQL_AUDIT_PENDING_EXPIRE);
    struct error *error = store_execute(query);
    expiry->count = error ? 0 : store_changes(query);
    return error;
}

struct error *audit_chain_expire_pending(struct store *store, struct arena *arena, int64_t now_ms,
                                         int64_t *count_r)
{
    struct expiry expiry = {.arena = arena, .now_ms = now_ms};
    bool found;
    *count_r = 0;
    struct error *error =
        find_any_row(begin_pending_query(store, &expiry, SQL_AUDIT_PENDING_STALE), &found);
    if (error || !found) {
        return error;
    }
    error = store_write_unserialized(store, arena, expire_pending_rows, &expiry);
    struct error *ending = store_group_commit(store, arena);
    error = error ? error : ending;
    *count_r = error ? 0 : expiry.count;
    return error;
}

struct error *audit_chain_count_waiting(struct store *store, struct arena *arena, int64_t *count_r,
                                        int64_t *oldest_ms_r)
{
    struct store_query *query = store_query(store, arena, SQL_AUDIT_LINKABLE_COUNT);
    bool row;
    struct error *error = store_next(query, &row);
    bool read = !error && row;
    *count_r = read ? store_integer(query, SQL_AUDIT_LINKABLE_COUNT_TOTAL) : 0;
    *oldest_ms_r = *count_r ? store_integer(query, SQL_AUDIT_LINKABLE_COUNT_OLDEST) : 0;
    store_end(query);
    return error;
}
