/*
 * Migrations: the steps that bring the database's schema from one version to the next, and back.
 *
 * They stand in sql/migrations/ and are compiled in. Each is applied in one transaction together
 * with its row in the table schema_migrations, which holds a checksum of its text: one that was
 * changed after it was applied is refused, and so is a database that a newer program has migrated.
 * Two that migrate at the same time do each step once.
 */
#ifndef STORE_MIGRATIONS_H
#define STORE_MIGRATIONS_H

#include "store/store.h"

struct migration;

/* Of `target`: the latest that this program knows. */
enum { MIGRATION_LATEST = -1 };

/* Applies what is missing up to version `target`, appending a line to `report` for each. */
struct error *store_migrate_up(struct store *store, struct arena *arena, int64_t target,
                               struct buffer *report) MUST_CHECK;

/* Undoes what is above version `target`, the latest first, appending a line to `report` for each;
 * one step only if `target` is MIGRATION_LATEST. */
struct error *store_migrate_down(struct store *store, struct arena *arena, int64_t target,
                                 struct buffer *report) MUST_CHECK;

/* Appends a line for each migration that is known or applied. */
struct error *store_migrate_status(struct store *store, struct arena *arena,
                                   struct buffer *report) MUST_CHECK;

/* NULL if the schema is the one that this program was written for. Otherwise ERR_INTERNAL, its
 * cause says what to do; or ERR_DATABASE_UNAVAILABLE when that cannot be found out. */
struct error *store_schema_check(struct store *store, struct arena *arena) MUST_CHECK;

/* store_migrate_up() and store_migrate_down() with a list of one's own. */
struct error *migrations_up(struct store *store, struct arena *arena, const struct migration *list,
                            size_t count, int64_t target, struct buffer *report) MUST_CHECK;
struct error *migrations_down(struct store *store, struct arena *arena,
                              const struct migration *list, size_t count, int64_t target,
                              struct buffer *report) MUST_CHECK;

#endif
