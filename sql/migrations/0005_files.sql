-- Files: what is known of them, and which objects of the storage belong to none.
-- Times are milliseconds since the epoch.

-- up

-- `scope` says whose a file is: organization:17, the id of a principal without an organization, or nobody's:
-- empty. `name` is what the API calls it, `object_key` what the storage does, and both are ours.
CREATE TABLE files (
    id @id@,
    scope @key@ NOT NULL,
    organization_id @integer@ REFERENCES organizations (id),
    name @key@ NOT NULL,
    object_key @key@ NOT NULL,
    original_name @bytes@ NOT NULL, -- UTF-8; it may hold NUL
    content_type TEXT NOT NULL,
    size @integer@ NOT NULL,
    md5 @bytes@ NOT NULL,
    sha256 @bytes@ NOT NULL,
    tags TEXT NOT NULL, -- one a line
    search_text TEXT NOT NULL, -- words of original_name: collection/search.h
    created_at @integer@ NOT NULL
) @strict@;
CREATE UNIQUE INDEX files_name ON files (name);
CREATE UNIQUE INDEX files_object_key ON files (object_key);
CREATE INDEX files_by_name ON files (scope, name);
CREATE INDEX files_by_organization ON files (organization_id, size) WHERE organization_id IS NOT NULL;

CREATE TABLE file_tags (
    file_id @integer@ NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    scope @key@ NOT NULL,
    tag @key@ NOT NULL
) @strict@;
CREATE UNIQUE INDEX file_tags_file_id_tag ON file_tags (file_id, tag);
CREATE INDEX file_tags_by_scope ON file_tags (scope, tag, file_id);
CREATE INDEX file_tags_by_tag ON file_tags (tag, file_id);

-- Objects that are on their way into the storage or out of it: collection/ledger.h.
CREATE TABLE pending_objects (
    object_key @key@ NOT NULL,
    since @integer@ NOT NULL
) @strict@;
CREATE UNIQUE INDEX pending_objects_object_key ON pending_objects (object_key);
CREATE INDEX pending_objects_by_age ON pending_objects (since);

-- only sqlite
CREATE VIRTUAL TABLE files_search USING fts5 (
    search_text, content = 'files', content_rowid = 'id', tokenize = 'trigram case_sensitive 1');
CREATE TRIGGER files_search_insert AFTER INSERT ON files BEGIN
    INSERT INTO files_search (rowid, search_text) VALUES (new.id, new.search_text);
END;
CREATE TRIGGER files_search_delete AFTER DELETE ON files BEGIN
    INSERT INTO files_search (files_search, rowid, search_text)
    VALUES ('delete', old.id, old.search_text);
END;
-- only postgres
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE INDEX files_search ON files USING gin (search_text gin_trgm_ops);
-- both

-- down

-- only sqlite
DROP TABLE files_search;
-- both
DROP TABLE pending_objects;
DROP TABLE file_tags;
DROP TABLE files;
