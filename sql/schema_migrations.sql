-- Statements about the table of the applied migrations, for app/store/migrations.c.

-- 1 if the table exists, 0 in a database that was never migrated.
-- name: schema_migrations_exist sqlite
SELECT count(*) AS count FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations';

-- name: schema_migrations_exist postgres
SELECT count(*) AS count FROM pg_class WHERE oid = to_regclass('schema_migrations');

-- name: schema_migrations_create sqlite
CREATE TABLE schema_migrations (
    version INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum BLOB NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT;

-- name: schema_migrations_create postgres
CREATE TABLE schema_migrations (
    version BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    checksum BYTEA NOT NULL,
    applied_at BIGINT NOT NULL
);

-- name: schema_migrations_list
SELECT version, name, checksum, applied_at FROM schema_migrations ORDER BY version;

-- name: schema_migrations_insert
INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES ($1, $2, $3, $4);

-- name: schema_migrations_delete
DELETE FROM schema_migrations WHERE version = $1;
