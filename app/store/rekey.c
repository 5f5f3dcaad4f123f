/* See rekey.h. */
#include "store/rekey.h"

#include "base/arena.h"
#include "base/clock.h"
#include "store/compiled.h"
#include "store/query.h"
#include "store/write.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    /* time for the last sessions of a stopped service to end */
    CLAIM_TIMEOUT_US = 3 * US_PER_S,
    CLAIM_RETRY_US = 100 * US_PER_MS,
    HEX_BASE = 16,
    COLLISIONS_MAX = 10,
    STATUS_ROWS = 20, /* maximum number of rows that the status of a table names */
};

/* A duplicate key has this separator before the id, and matches this pattern of LIKE. */
static const char duplicate_separator[] = "\t", duplicate_pattern[] = "%\t%";

/* The row of text_keys. `table` and `id` are NULL at the beginning. */
struct position {
    const char *version, *target, *table, *id;
};

/* Counts of the table at the position. */
struct counts {
    int64_t rows, changed, duplicates;
};

/* A call of rekey_run(). */
struct rebuild {
    const struct rekey_plan *plan;
    rekey_progress *progress;
    void *context;            /* of progress() */
    struct counts counts;     /* of the committed batches */
    struct rekey_batch batch; /* the current batch; its counts include `counts` */
    bool begun;               /* a batch was committed */
    bool busy;                /* other processes use the database */
    bool complete;            /* no rows are left */
    /* retry_duplicates(): its table, and the ids after which the current and the next batch begin
     */
    const struct rekey_table *table;
    int64_t last_id, next_id;
};

/* --- ids -------------------------------------------------------------------------------------- */

/* Binds the id that the text represents; an id below all others if the text is NULL. */
static void bind_id(struct store_query *query, const struct rekey_table *table, struct arena *arena,
                    const char *id)
{
    if (!table->bytes_id) {
        store_bind_integer(query, id ? strtoll(id, NULL, 10) : INT64_MIN);
        return;
    }
    size_t length = id ? strlen(id) / 2 : 0;
    unsigned char *bytes = arena_alloc(arena, length + 1);
    for (size_t i = 0; i < length; i++) {
        const char digits[] = {id[2 * i], id[2 * i + 1], '\0'};
        bytes[i] = (unsigned char)strtoul(digits, NULL, HEX_BASE);
    }
    store_bind_bytes(query, bytes, length);
}

/* Returns the text of the id in the first column of the current row. */
static const char *read_id(const struct store_query *query, const struct rekey_table *table,
                           struct arena *arena)
{
    if (!table->bytes_id) {
        return arena_format(arena, "%" PRId64, store_integer(query, STORE_ONLY_COLUMN));
    }
    struct buffer text = {.arena = arena};
    size_t length;
    const unsigned char *bytes = store_bytes(query, STORE_ONLY_COLUMN, &length);
    for (size_t i = 0; i < length; i++) {
        buffer_format(&text, "%02x", bytes[i]);
    }
    return text.bytes;
}

/* --- rows ------------------------------------------------------------------------------------- */

/* Rebuilds up to `limit` rows of a table after *id, and sets *id to the last of them. Reads all of
 * them before it writes, because a query must end before another one writes on the same connection.
 */
static struct error *rebuild_rows(struct rekey_batch *batch, const struct rekey_table *table,
                                  enum sql_statement statement, int64_t limit, const char **id,
                                  int64_t *count_r)
{
    struct arena *arena = batch->arena;
    struct store_query *query = store_query(batch->store, arena, statement);
    void **rows = arena_array(arena, (size_t)limit, sizeof *rows);
    int64_t count = 0;
    bool row;
    bind_id(query, table, arena, *id);
    store_bind_integer(query, limit);
    if (statement != table->page) {
        store_bind_text(query, duplicate_pattern);
    }
    struct error *error;
    while (!(error = store_next(query, &row)) && row) {
        *id = read_id(query, table, arena);
        rows[count++] = table->read(arena, query);
    }
    for (int64_t i = 0; i < count && !error; i++) {
        error = table->write(batch, rows[i]);
    }
    batch->rows += count;
    *count_r = count;
    return error;
}

/* Finds the row that has a unique key: returns its id and the text of its key. *other_r is 0 if
 * there is none. */
static struct error *find_key_owner(struct rekey_batch *batch, const struct rekey_unique *unique,
                                    int64_t organization_id, const char *key, int64_t *other_r,
                                    const char **text_r)
{
    struct store_query *query = store_query(batch->store, batch->arena, unique->find);
    bool row;
    *other_r = 0;
    store_bind_text(query, key);
    if (unique->scoped) {
        store_bind_integer(query, organization_id);
    }
    struct error *error = store_next(query, &row);
    if (error || !row) {
        return error;
    }
    *other_r = store_integer(query, SQL_TEXT_KEYS_ACCOUNTS_BY_USERNAME_ID);
    *text_r = arena_string(batch->arena,
                           store_text(query, SQL_TEXT_KEYS_ACCOUNTS_BY_USERNAME_TEXT, NULL));
    return store_next(query, &row);
}

static const char *format_duplicate_key(struct arena *arena, const char *key, int64_t id)
{
    return arena_format(arena, "%s%s%" PRId64, key, duplicate_separator, id);
}

struct error *rekey_choose_key(struct rekey_batch *batch, const struct rekey_unique *unique,
                               const struct rekey_owner *owner, const char *key, const char **key_r)
{
    struct arena *arena = batch->arena;
    int64_t other;
    const char *text = NULL;
    *key_r = key;
    if (!key || (owner->current && !strcmp(owner->current, key))) {
        return NULL;
    }
    struct error *error = find_key_owner(batch, unique, owner->organization_id, key, &other, &text);
    if (error || !other) {
        return error;
    }
    if (!strcmp(unique->fold(arena, text), key)) {
        *key_r = format_duplicate_key(arena, key, owner->id);
        batch->duplicates++;
        buffer_format(&batch->warnings, "%s %" PRId64 ": the %s equals that of %s %" PRId64 "\n",
                      unique->table, owner->id, unique->name, unique->table, other);
        return NULL;
    }
    struct store_query *query = store_query(batch->store, arena, unique->set);
    batch->displaced = true;
    store_bind_integer(query, other);
    store_bind_text(query, format_duplicate_key(arena, key, other));
    return store_execute(query);
}

/* --- position --------------------------------------------------------------------------------- */

static const char *copy_nullable(struct arena *arena, const struct store_query *query,
                                 size_t column)
{
    const char *text = store_text(query, column, NULL);
    return text ? arena_string(arena, text) : NULL;
}

static struct error *text_keys_exist(struct store *store, struct arena *arena, bool *exists_r)
{
    struct store_query *query = store_query(store, arena, SQL_TEXT_KEYS_EXIST);
    bool row;
    struct error *error = store_next(query, &row);
    *exists_r = !error && row && store_integer(query, SQL_TEXT_KEYS_EXIST_COUNT) > 0;
    return error ? error : store_execute(query);
}

static struct error *read_position(struct store *store, struct arena *arena,
                                   struct position *position_r)
{
    struct store_query *query = store_query(store, arena, SQL_TEXT_KEYS_GET);
    bool row;
    *position_r = (struct position){.version = ""};
    struct error *error = store_next(query, &row);
    if (error) {
        return error;
    }
    if (!row) {
        return error_new(arena, ERR_INTERNAL, "%s", "the table text_keys is empty");
    }
    const char *version = copy_nullable(arena, query, SQL_TEXT_KEYS_GET_VERSION);
    *position_r = (struct position){
        .version = version ? version : "",
        .target = copy_nullable(arena, query, SQL_TEXT_KEYS_GET_TARGET),
        .table = copy_nullable(arena, query, SQL_TEXT_KEYS_GET_POSITION_TABLE),
        .id = copy_nullable(arena, query, SQL_TEXT_KEYS_GET_POSITION_ID),
    };
    return store_next(query, &row);
}

static struct error *save_position(struct rekey_batch *batch, const struct position *position)
{
    struct store_query *query = store_query(batch->store, batch->arena, SQL_TEXT_KEYS_SET);
    store_bind_text(query, position->version);
    store_bind_text(query, position->target);
    store_bind_text(query, position->table);
    store_bind_text(query, position->id);
    return store_execute(query);
}

static bool is_current(const struct rekey_plan *plan, const struct position *position)
{
    return !position->target && !strcmp(position->version, plan->version);
}

/* Updates the statistics of the tables. A no-op on SQLite, which needs none. */
static struct error *analyze_tables(const struct rekey_batch *batch)
{
    return store_statement_text(batch->store, SQL_TEXT_KEYS_ANALYZE)
               ? store_execute(store_query(batch->store, batch->arena, SQL_TEXT_KEYS_ANALYZE))
               : NULL;
}

/* Begins a rebuild. Fails if other processes use the database. */
static struct error *begin_rebuild(struct rebuild *rebuild, struct position *position)
{
    struct rekey_batch *batch = &rebuild->batch;
    struct store_query *query = store_query(batch->store, batch->arena, SQL_TEXT_KEYS_CLAIM);
    bool row;
    struct error *error = store_next(query, &row);
    if (error) {
        return error;
    }
    rebuild->busy = !row || !store_integer(query, SQL_TEXT_KEYS_CLAIM_CLAIMED);
    if (rebuild->busy) {
        return error_new(batch->arena, ERR_DATABASE_UNAVAILABLE, "%s",
                         "cannot rebuild the text keys while other processes of Kontora use the "
                         "database: stop the service on all hosts and repeat kontora migrate up");
    }
    *position = (struct position){.version = position->version, .target = rebuild->plan->version};
    store_end(query);
    return analyze_tables(batch);
}

/* --- batches ---------------------------------------------------------------------------------- */

/* Returns the table at the position. If the position has no known table, moves it to the beginning
 * of the first one. */
static const struct rekey_table *const *find_table(const struct rekey_plan *plan,
                                                   struct position *position)
{
    for (const struct rekey_table *const *table = plan->tables; *table; table++) {
        if (position->table && !strcmp((*table)->name, position->table)) {
            return table;
        }
    }
    position->id = NULL;
    return plan->tables;
}

static void report_table(struct rekey_batch *batch, const char *name)
{
    buffer_format(&batch->report, "%s: %" PRId64 " rows, %" PRId64 " changed", name, batch->rows,
                  batch->changed);
    if (batch->duplicates) {
        buffer_format(&batch->report, ", %" PRId64 " with duplicate keys", batch->duplicates);
    }
    buffer_add_char(&batch->report, '\n');
    batch->rows = batch->changed = batch->duplicates = 0;
}

static void report_beginning(struct rebuild *rebuild, const struct position *position)
{
    struct buffer *report = &rebuild->batch.report;
    if (rebuild->begun) {
        return;
    }
    buffer_format(report, "text keys: rebuilding for version \"%s\"", rebuild->plan->version);
    if (position->id) {
        buffer_format(report, ", continuing in %s after %s", position->table, position->id);
    }
    buffer_add_char(report, '\n');
}

static struct error *rebuild_from(struct rebuild *rebuild, struct position *position)
{
    struct rekey_batch *batch = &rebuild->batch;
    const struct rekey_table *const *table = find_table(rebuild->plan, position);
    struct error *error = NULL;
    for (int64_t left = REKEY_BATCH, count; *table && left && !error; left -= count) {
        position->table = (*table)->name;
        error = rebuild_rows(batch, *table, (*table)->page, left, &position->id, &count);
        if (!error && count < left) {
            report_table(batch, (*table)->name);
            table++;
            position->id = NULL;
            position->table = *table ? (*table)->name : NULL;
        }
    }
    rebuild->complete = !*table;
    if (!error && rebuild->complete) {
        *position = (struct position){.version = rebuild->plan->version};
        buffer_format(&batch->report, "text keys: version \"%s\" is complete\n",
                      rebuild->plan->version);
        error = analyze_tables(batch);
    }
    return error ? error : save_position(batch, position);
}

/* Resets the counts and the report of a batch, because store_write() may repeat the batch. */
static void reset_batch(struct rebuild *rebuild, struct store *store, struct arena *arena)
{
    rebuild->batch = (struct rekey_batch){
        .store = store,
        .arena = arena,
        .report = {.arena = arena},
        .warnings = {.arena = arena},
        .rows = rebuild->counts.rows,
        .changed = rebuild->counts.changed,
        .duplicates = rebuild->counts.duplicates,
    };
    rebuild->busy = false;
}

/* Rebuilds one batch, inside the transaction. */
static struct error *rebuild_batch(struct store *store, void *context)
{
    struct rebuild *rebuild = context;
    struct position position;
    reset_batch(rebuild, store, rebuild->batch.arena);
    struct error *error = read_position(store, rebuild->batch.arena, &position);
    rebuild->complete = !error && is_current(rebuild->plan, &position);
    if (error || rebuild->complete) {
        return error;
    }
    if (!position.target || strcmp(position.target, rebuild->plan->version) != 0) {
        error = begin_rebuild(rebuild, &position);
    }
    if (error) {
        return error;
    }
    report_beginning(rebuild, &position);
    return rebuild_from(rebuild, &position);
}

/* Replaces the duplicate keys of one batch of rows by the true keys, where these are free, inside
 * the transaction. It is serializable, because the service may change the same rows meanwhile. */
static struct error *retry_duplicates(struct store *store, void *context)
{
    struct rebuild *rebuild = context;
    struct rekey_batch *batch = &rebuild->batch;
    const struct rekey_table *table = rebuild->table;
    const char *id = arena_format(batch->arena, "%" PRId64, rebuild->last_id);
    int64_t count;
    reset_batch(rebuild, store, batch->arena);
    struct error *error = rebuild_rows(batch, table, table->duplicates, REKEY_BATCH, &id, &count);
    rebuild->complete = count < REKEY_BATCH;
    if (!error && batch->rows) {
        report_table(batch, table->name);
    }
    rebuild->next_id = strtoll(id, NULL, 10);
    return error;
}

static void report_lines(const struct rebuild *rebuild, struct buffer *lines, bool warning)
{
    char *rest = lines->bytes;
    for (char *line; rest && (line = strsep(&rest, "\n")) && *line;) {
        rebuild->progress(rebuild->context, line, warning);
    }
}

typedef struct error *store_writer(struct store *store, struct arena *arena, store_work *work,
                                   void *context);

/* Runs and commits one batch, and reports it. */
static struct error *commit_batch(struct rebuild *rebuild, struct store *store, struct arena *arena,
                                  store_writer *write, store_work *work)
{
    struct rekey_batch *batch = &rebuild->batch;
    batch->arena = arena;
    struct error *error = write(store, arena, work, rebuild);
    struct error *ending = store_group_commit(store, arena);
    error = error ? error : ending;
    if (!error) {
        rebuild->begun = true;
        rebuild->counts = (struct counts){batch->rows, batch->changed, batch->duplicates};
        report_lines(rebuild, &batch->warnings, true);
        report_lines(rebuild, &batch->report, false);
    }
    return error;
}

/* --- rebuilds --------------------------------------------------------------------------------- */

/* Rebuilds the keys until all have the version of the plan. */
static struct error *rebuild_keys(struct rebuild *rebuild, struct store *store, struct arena *arena)
{
    int64_t deadline = clock_steady_us() + CLAIM_TIMEOUT_US;
    struct error *error = NULL;
    while (!error && !rebuild->complete) {
        arena_reset(arena);
        error = commit_batch(rebuild, store, arena, store_write_schema, rebuild_batch);
        if (error && rebuild->busy && clock_steady_us() < deadline) {
            error = NULL;
            usleep(CLAIM_RETRY_US);
        }
    }
    return error;
}

/* Reads the ids of the first `limit` rows of a table with duplicate keys. */
static struct error *read_duplicates(const struct rekey_table *table, struct store *store,
                                     struct arena *arena, int64_t limit, const char **ids,
                                     int64_t *count_r)
{
    struct store_query *query = store_query(store, arena, table->duplicates);
    bool row;
    *count_r = 0;
    bind_id(query, table, arena, NULL);
    store_bind_integer(query, limit);
    store_bind_text(query, duplicate_pattern);
    struct error *error;
    while (!(error = store_next(query, &row)) && row) {
        ids[(*count_r)++] = read_id(query, table, arena);
    }
    return error;
}

/* Replaces the duplicate keys of a table by the true keys, where these are free. Reads first, so
 * that it does not write if there are no duplicate keys. Starts over after a batch that took a key
 * from a row which an administrator had renamed, because that row now has a duplicate key. */
static struct error *retry_table(struct rebuild *rebuild, const struct rekey_table *table,
                                 struct store *store, struct arena *arena)
{
    const char *first;
    int64_t count;
    int collisions = 0;
    struct error *error = read_duplicates(table, store, arena, 1, &first, &count);
    rebuild->table = table;
    rebuild->last_id = 0;
    rebuild->complete = !count;
    while (!error && !rebuild->complete) {
        arena_reset(arena);
        error = commit_batch(rebuild, store, arena, store_write, retry_duplicates);
        if (error && error->id == ERR_CONSTRAINT_UNIQUE && ++collisions < COLLISIONS_MAX) {
            error = NULL; /* a client took the key of a row of this batch */
            continue;
        }
        rebuild->last_id = rebuild->next_id;
        if (!error && rebuild->batch.displaced) {
            rebuild->complete = false;
            rebuild->last_id = 0;
        }
    }
    return error;
}

struct error *rekey_run(const struct rekey_plan *plan, struct store *store, struct arena *arena,
                        rekey_progress *progress, void *context)
{
    struct rebuild rebuild = {.plan = plan, .progress = progress, .context = context};
    struct arena *own = arena_new();
    struct position position;
    struct error *error = read_position(store, own, &position);
    bool current = !error && is_current(plan, &position);
    if (!error && !current) {
        error = rebuild_keys(&rebuild, store, own);
    }
    for (const struct rekey_table *const *table = plan->tables; current && !error && *table;
         table++) {
        error = (*table)->duplicates != (*table)->page ? retry_table(&rebuild, *table, store, own)
                                                       : NULL;
    }
    if (error) {
        error = error_new(arena, error->id, "%s", error->cause ? error->cause : "");
    }
    arena_free(&own);
    return error;
}

/* --- status ----------------------------------------------------------------------------------- */

static void report_position(const struct rekey_plan *plan, const struct position *position,
                            struct buffer *report)
{
    if (is_current(plan, position)) {
        buffer_format(report, "text keys: version \"%s\"\n", position->version);
    } else if (position->target) {
        buffer_format(report,
                      "text keys: the rebuild for version \"%s\" was interrupted: run kontora "
                      "migrate up\n",
                      position->target);
    } else {
        buffer_format(report,
                      "text keys: version \"%s\", but this program needs \"%s\": run kontora "
                      "migrate up\n",
                      position->version, plan->version);
    }
}

/* Appends the rows of a table with duplicate keys to the report. */
static struct error *report_duplicates(const struct rekey_table *table, struct store *store,
                                       struct arena *arena, struct buffer *report)
{
    const char *ids[STATUS_ROWS + 1];
    int64_t count;
    struct error *error = read_duplicates(table, store, arena, STATUS_ROWS + 1, ids, &count);
    for (int64_t i = 0; i < count && !error; i++) {
        buffer_format(report, "%s%s", i ? ", " : "text keys: duplicate keys in ",
                      i == STATUS_ROWS ? "and others"
                      : i              ? ids[i]
                                       : arena_format(arena, "%s: %s", table->name, ids[i]));
    }
    if (count) {
        buffer_add_char(report, '\n');
    }
    return error;
}

struct error *rekey_status(const struct rekey_plan *plan, struct store *store, struct arena *arena,
                           struct buffer *report)
{
    struct position position;
    bool exists;
    struct error *error = text_keys_exist(store, arena, &exists);
    if (error || !exists) {
        return error;
    }
    error = read_position(store, arena, &position);
    if (!error) {
        report_position(plan, &position, report);
    }
    for (const struct rekey_table *const *table = plan->tables; !error && *table; table++) {
        if ((*table)->duplicates != (*table)->page) {
            error = report_duplicates(*table, store, arena, report);
        }
    }
    return error;
}
