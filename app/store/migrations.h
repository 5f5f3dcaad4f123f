/*
 * Migrations: the steps that bring the database's schema from one version to the next, and back.
 *
 * They are the files of sql/migrations/, compiled in. Each migration is applied in one transaction
 * together with its row in the table schema_migrations, which holds a checksum of its source. A
 * migration that was changed after it was applied is an error, and so is a database that a newer
 * program has migrated. If two processes migrate at the same time, each step is done once.
 */
#ifndef STORE_MIGRATIONS_H
#define STORE_MIGRATIONS_H

#include "store/store.h"

struct migration;

/* As `target` of a migration upwards: the latest version that this program knows. */
enum { MIGRATION_LATEST = -1 };

/* Applies the pending migrations up to version `target`. Appends a line to `report` for each. */
struct error *store_migrate_up(struct store *store, struct arena *arena, int64_t target,
                               struct buffer *report) MUST_CHECK;

/* Reverts the migrations above version `target`, the latest first, and appends a line to `report`
 * for each. Reverts only the latest one if `target` is MIGRATION_LATEST. */
struct error *store_migrate_down(struct store *store, struct arena *arena, int64_t target,
                                 struct buffer *report) MUST_CHECK;

/* Appends a line for each migration that is known or applied. */
struct error *store_migrate_status(struct store *store, struct arena *arena,
                                   struct buffer *report) MUST_CHECK;

/* Returns NULL if the schema has this program's version and every statement can be prepared.
 * Otherwise returns ERR_INTERNAL, whose cause says what to do, or ERR_DATABASE_UNAVAILABLE if the
 * database cannot be read. */
struct error *store_schema_check(struct store *store, struct arena *arena) MUST_CHECK;

/* Like store_migrate_up() and store_migrate_down(), for a given list of migrations. */
struct error *migrations_up(struct store *store, struct arena *arena, const struct migration *list,
                            size_t count, int64_t target, struct buffer *report) MUST_CHECK;
struct error *migrations_down(struct store *store, struct arena *arena,
                              const struct migration *list, size_t count, int64_t target,
                              struct buffer *report) MUST_CHECK;

#endif
