-- Audit: a row for each change, and a chain of links that shows if rows were edited or deleted.

-- up

CREATE TABLE audit (
-- only sqlite
    id INTEGER PRIMARY KEY AUTOINCREMENT,
-- only postgres
    id @id@,
-- both
    at @integer@ NOT NULL,
    organization_id @integer@, -- null: the change concerns no organization
    directory @integer@ NOT NULL DEFAULT 0, -- 1: the change concerns the directory
    actor TEXT, -- user name
    actor_key TEXT, -- folded; not part of the digest of a row
    actor_id TEXT,
    address TEXT,
    action TEXT NOT NULL,
    resource @key@ NOT NULL, -- the type of the changed object
    object_id @key@, -- id of a row, or objectGUID; at most 255 characters
    status TEXT NOT NULL, -- pending, success, failure or unknown
    code TEXT, -- error code of a failure
    request_id TEXT,
    reverts @integer@, -- id of the row whose changes this one reverts
    changes TEXT, -- JSON array; null: none, or erased
    salt @bytes@, -- null: no changes, or erased
    linked @integer@ NOT NULL DEFAULT 0 -- 1: the row has a link
) @strict@;
CREATE INDEX audit_by_organization ON audit (organization_id, id);
CREATE INDEX audit_by_object ON audit (resource, object_id, id);
CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX audit_of_directory ON audit (id) WHERE directory = 1;
CREATE INDEX audit_by_reverted ON audit (reverts) WHERE reverts IS NOT NULL;
CREATE INDEX audit_unlinked ON audit (linked, id) WHERE linked = 0; -- also all pending rows

-- The links in their order: app/rest/audit_chain.h. A row gets its link when it is not pending any more.
CREATE TABLE audit_links (
    position @integer@ PRIMARY KEY, -- 1, 2, 3 ...
    audit_id @integer@ NOT NULL,
    previous_id @integer@, -- audit_id of the previous position; null: this is the first link
    changes_digest @bytes@, -- of the salt and the changes; null: the row has no changes
    row_tag @bytes@ NOT NULL,
    chain_tag @bytes@ NOT NULL
) @strict@;
CREATE UNIQUE INDEX audit_links_audit_id ON audit_links (audit_id);

-- The last link that retention has deleted, with all links and rows before it: one row, or none.
CREATE TABLE audit_anchors (
    position @integer@ PRIMARY KEY,
    audit_id @integer@ NOT NULL,
    chain_tag @bytes@ NOT NULL,
    removed_at @integer@ NOT NULL,
    removed_count @integer@ NOT NULL, -- number of all deleted rows
    tag @bytes@ NOT NULL
) @strict@;

-- down

DROP TABLE audit_anchors;
DROP TABLE audit_links;
DROP TABLE audit;
