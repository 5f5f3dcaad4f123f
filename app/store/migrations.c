/* See migrations.h. Each step is one transaction that reads the table schema_migrations first: if
 * another process has made the step meanwhile, it is not made again. */
#include "store/migrations.h"

#include "base/arena.h"
#include "base/clock.h"
#include "store/compiled.h"
#include "store/engine.h"
#include "store/group.h"
#include "store/query.h"
#include "store/store.h"
#include "store/write.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>

/* A row of the table schema_migrations. */
struct applied {
    struct applied *next;
    int64_t version, applied_at;
    const char *name;
    unsigned char checksum[SHA256_DIGEST_LENGTH];
};

/* The application or reversal of one migration; the context of the transaction. */
struct step {
    const struct migration *list;
    size_t count;
    struct arena *arena;
    bool down;
    int64_t target;               /* version, or MIGRATION_LATEST */
    const struct migration *done; /* the migration that was applied or reverted; NULL: none */
};

static void compute_checksum(const struct migration *migration, unsigned char *digest)
{
    unsigned length = 0;
    if (!EVP_Digest(migration->source, strlen(migration->source), digest, &length, EVP_sha256(),
                    NULL)) {
        store_abort("cannot compute SHA-256");
    }
}

/* --- the table schema_migrations ------------------------------------------------------------- */

static struct error *migrations_table_exists(struct store *store, struct arena *arena,
                                             bool *exists_r)
{
    bool row = false;
    struct store_query *query = store_query(store, arena, SQL_SCHEMA_MIGRATIONS_EXIST);
    struct error *error = store_next(query, &row);
    *exists_r = !error && row && store_integer(query, SQL_SCHEMA_MIGRATIONS_EXIST_COUNT) > 0;
    return error ? error : store_execute(query);
}

/* Reads the applied migrations, the lowest version first. */
static struct error *read_applied(struct store *store, struct arena *arena,
                                  struct applied **first_r, bool *exists_r)
{
    bool row = false;
    struct applied **end = first_r;
    *first_r = NULL;
    struct error *error = migrations_table_exists(store, arena, exists_r);
    if (error || !*exists_r) {
        return error;
    }
    struct store_query *query = store_query(store, arena, SQL_SCHEMA_MIGRATIONS_LIST);
    while (!(error = store_next(query, &row)) && row) {
        size_t length = 0;
        const void *checksum = store_bytes(query, SQL_SCHEMA_MIGRATIONS_LIST_CHECKSUM, &length);
        struct applied *applied = arena_alloc(arena, sizeof *applied);
        applied->version = store_integer(query, SQL_SCHEMA_MIGRATIONS_LIST_VERSION);
        applied->name =
            arena_string(arena, store_text(query, SQL_SCHEMA_MIGRATIONS_LIST_NAME, NULL));
        applied->applied_at = store_integer(query, SQL_SCHEMA_MIGRATIONS_LIST_APPLIED_AT);
        if (length == sizeof applied->checksum) {
            memcpy(applied->checksum, checksum, length);
        }
        *end = applied;
        end = &applied->next;
    }
    return error;
}

/* Returns the migration to a version; NULL if this program does not have it. */
static const struct migration *find_migration(const struct step *step, int64_t version)
{
    return version >= 1 && version <= (int64_t)step->count ? &step->list[version - 1] : NULL;
}

static bool is_unchanged(const struct migration *migration, const struct applied *applied)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    compute_checksum(migration, digest);
    return !memcmp(digest, applied->checksum, sizeof digest);
}

/* Checks that the applied migrations are those of this program, and computes the schema's version.
 */
static struct error *check_applied(const struct step *step, struct arena *arena,
                                   const struct applied *first, int64_t *version_r)
{
    *version_r = 0;
    for (const struct applied *applied = first; applied; applied = applied->next) {
        const struct migration *migration = find_migration(step, applied->version);
        if (!migration) {
            return error_new(arena, ERR_INTERNAL,
                             "migration %" PRId64 " %s is unknown: a newer version of Kontora has "
                             "applied it",
                             applied->version, applied->name);
        }
        if (applied->version != *version_r + 1) {
            return error_new(arena, ERR_INTERNAL,
                             "migration %" PRId64 " was not applied, but later ones were",
                             *version_r + 1);
        }
        if (!is_unchanged(migration, applied)) {
            return error_new(arena, ERR_INTERNAL,
                             "migration %" PRId64 " %s was changed after it was applied",
                             applied->version, applied->name);
        }
        *version_r = applied->version;
    }
    return NULL;
}

/* --- steps ----------------------------------------------------------------------------------- */

static struct error *insert_applied(struct store *store, struct arena *arena,
                                    const struct migration *migration)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    compute_checksum(migration, digest);
    struct store_query *query = store_query(store, arena, SQL_SCHEMA_MIGRATIONS_INSERT);
    store_bind_integer(query, migration->version);
    store_bind_text(query, migration->name);
    store_bind_bytes(query, digest, sizeof digest);
    store_bind_integer(query, clock_wall_ms());
    return store_execute(query);
}

static struct error *delete_applied(struct store *store, struct arena *arena,
                                    const struct migration *migration)
{
    struct store_query *query = store_query(store, arena, SQL_SCHEMA_MIGRATIONS_DELETE);
    store_bind_integer(query, migration->version);
    return store_execute(query);
}

/* Returns the next migration between a schema of `version` and the target; NULL if there is none.
 */
static const struct migration *choose_migration(const struct step *step, int64_t version)
{
    if (step->down) {
        return version > step->target ? find_migration(step, version) : NULL;
    }
    bool wanted = step->target == MIGRATION_LATEST || version < step->target;
    return wanted ? find_migration(step, version + 1) : NULL;
}

/* Applies or reverts one migration, inside the transaction. */
static struct error *migrate_one_step(struct store *store, void *context)
{
    struct step *step = context;
    struct applied *first = NULL;
    bool exists = false;
    int64_t version = 0;
    step->done = NULL;
    struct error *error = read_applied(store, step->arena, &first, &exists);
    if (!error && !exists) {
        error = store_execute(store_query(store, step->arena, SQL_SCHEMA_MIGRATIONS_CREATE));
    }
    if (!error) {
        error = check_applied(step, step->arena, first, &version);
    }
    const struct migration *migration = error ? NULL : choose_migration(step, version);
    if (!migration) {
        return error;
    }
    const char *up = migration->scripts[store->id].up, *down = migration->scripts[store->id].down;
    error = store_script(store, step->arena, step->down ? down : up);
    if (!error) {
        error = step->down ? delete_applied(store, step->arena, migration)
                           : insert_applied(store, step->arena, migration);
    }
    if (error) {
        return error_new(step->arena, error->id, "migration %" PRId64 " %s: %s", migration->version,
                         migration->name, error->cause);
    }
    step->done = migration;
    return NULL;
}

/* Runs one step in a transaction and commits. Sets step->done, and appends it to the report. */
static struct error *commit_step(struct store *store, struct step *step, struct buffer *report)
{
    struct error *error = store_write_schema(store, step->arena, migrate_one_step, step);
    struct error *ending = store_group_commit(store, step->arena);
    error = error ? error : ending;
    if (!error && step->done) {
        buffer_format(report, "%04" PRId64 " %s %s\n", step->done->version, step->done->name,
                      step->down ? "undone" : "applied");
    }
    return error;
}

static struct error *check_target(const struct step *step)
{
    if (step->target < MIGRATION_LATEST || step->target > (int64_t)step->count) {
        return error_new(step->arena, ERR_INTERNAL,
                         "there is no version %" PRId64 ": the known versions are 0 to %zu",
                         step->target, step->count);
    }
    return NULL;
}

struct error *migrations_up(struct store *store, struct arena *arena, const struct migration *list,
                            size_t count, int64_t target, struct buffer *report)
{
    struct step step = {.list = list, .count = count, .arena = arena, .target = target};
    struct error *error = check_target(&step);
    do {
        error = error ? error : commit_step(store, &step, report);
    } while (!error && step.done);
    return error;
}

struct error *migrations_down(struct store *store, struct arena *arena,
                              const struct migration *list, size_t count, int64_t target,
                              struct buffer *report)
{
    struct step step = {
        .list = list, .count = count, .arena = arena, .down = true, .target = target};
    bool only_one = target == MIGRATION_LATEST;
    struct error *error = check_target(&step);
    if (only_one) {
        step.target = 0;
    }
    do {
        error = error ? error : commit_step(store, &step, report);
    } while (!error && step.done && !only_one);
    return error;
}

struct error *store_migrate_up(struct store *store, struct arena *arena, int64_t target,
                               struct buffer *report)
{
    return migrations_up(store, arena, store_migrations, store_migration_count, target, report);
}

struct error *store_migrate_down(struct store *store, struct arena *arena, int64_t target,
                                 struct buffer *report)
{
    return migrations_down(store, arena, store_migrations, store_migration_count, target, report);
}

/* --- status ---------------------------------------------------------------------------------- */

static void report_applied(const struct step *step, const struct applied *applied,
                           struct buffer *report)
{
    const struct migration *migration = find_migration(step, applied->version);
    char time[CLOCK_TEXT_SIZE];
    const char *state = !migration                          ? ", unknown to this program"
                        : !is_unchanged(migration, applied) ? ", changed after it was applied"
                                                            : "";
    buffer_format(report, "%04" PRId64 " %s applied %s%s\n", applied->version, applied->name,
                  clock_format(applied->applied_at, time), state);
}

struct error *store_migrate_status(struct store *store, struct arena *arena, struct buffer *report)
{
    const struct step step = {
        .list = store_migrations, .count = store_migration_count, .arena = arena};
    struct applied *first = NULL;
    bool exists = false;
    int64_t version = 0;
    struct error *error = read_applied(store, arena, &first, &exists);
    if (error) {
        return error;
    }
    for (const struct applied *applied = first; applied; applied = applied->next) {
        report_applied(&step, applied, report);
        version = applied->version;
    }
    for (size_t i = 0; i < step.count; i++) {
        if (step.list[i].version > version) {
            buffer_format(report, "%04" PRId64 " %s pending\n", step.list[i].version,
                          step.list[i].name);
        }
    }
    return NULL;
}

struct error *store_schema_check(struct store *store, struct arena *arena)
{
    const struct step step = {
        .list = store_migrations, .count = store_migration_count, .arena = arena};
    struct applied *first = NULL;
    bool exists = false;
    int64_t version = 0;
    struct error *error = read_applied(store, arena, &first, &exists);
    if (!error) {
        error = check_applied(&step, arena, first, &version);
    }
    if (!error && version < (int64_t)step.count) {
        error = error_new(arena, ERR_INTERNAL,
                          "the database's schema has version %" PRId64 ", but this program needs "
                          "version %zu: run kontora migrate up",
                          version, step.count);
    }
    for (size_t slot = 0; slot < SQL_COUNT && !error; slot++) {
        /* Skip the creation of a table that exists, and the other engine's statements. */
        if (slot != SQL_SCHEMA_MIGRATIONS_CREATE && store_statement_text(store, slot)) {
            error = store->engine->prepare(store, arena, slot);
        }
    }
    return error;
}
