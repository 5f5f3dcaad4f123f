-- Sort keys of the Unicode collation algorithm for the texts that lists are sorted by. Only the
-- program can compute them: those of existing rows are empty until it has done so.

-- up

DROP INDEX contacts_by_name;
ALTER TABLE contacts DROP COLUMN name_key;
-- only sqlite
ALTER TABLE contacts ADD COLUMN name_sort_key BLOB NOT NULL DEFAULT x'';
ALTER TABLE accounts ADD COLUMN username_sort_key BLOB NOT NULL DEFAULT x'';
-- only postgres
ALTER TABLE contacts ADD COLUMN name_sort_key BYTEA NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN username_sort_key BYTEA NOT NULL DEFAULT '';
-- both
CREATE INDEX contacts_by_name ON contacts (organization_id, name_sort_key, id)
    WHERE deleted_at IS NULL;

-- down

-- SQLite folds ASCII letters only: until a contact is changed, the other letters of its name are
-- sorted by case.
ALTER TABLE accounts DROP COLUMN username_sort_key;
DROP INDEX contacts_by_name;
ALTER TABLE contacts DROP COLUMN name_sort_key;
ALTER TABLE contacts ADD COLUMN name_key @key@ NOT NULL DEFAULT '';
UPDATE contacts SET name_key = lower(name);
CREATE INDEX contacts_by_name ON contacts (organization_id, name_key, id) WHERE deleted_at IS NULL;
