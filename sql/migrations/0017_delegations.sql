-- Delegations: a user or a group of the directory has rights on the entries at and below an entry. Entries are
-- identified by objectGUID and SID; their names are the last known ones.

-- up

CREATE TABLE delegations (
-- only sqlite
    id INTEGER PRIMARY KEY AUTOINCREMENT,
-- only postgres
    id @id@,
-- both
    principal_guid TEXT NOT NULL,
    principal_sid TEXT NOT NULL,
    principal TEXT, -- DN; null: the entry was not found
    principal_name TEXT NOT NULL,
    scope_guid TEXT NOT NULL,
    scope TEXT, -- DN; null: the entry was not found
    rights @integer@ NOT NULL, -- a set of bits: app/base/right.h
    fields TEXT, -- names, separated by newlines; null: all fields
    created_at @integer@ NOT NULL,
    created_by TEXT NOT NULL, -- user name
    updated_at @integer@ NOT NULL,
    version @integer@ NOT NULL DEFAULT 1,
    folded TEXT NOT NULL DEFAULT '{}'
) @strict@;
CREATE UNIQUE INDEX delegations_principal_guid_scope_guid ON delegations (principal_guid, scope_guid);

-- One row: a number that every change of the delegations increments, so that each process reads them again.
CREATE TABLE delegation_changes (
    version @integer@ NOT NULL
) @strict@;
INSERT INTO delegation_changes (version) VALUES (1);

-- down

DROP TABLE delegation_changes;
DROP TABLE delegations;
