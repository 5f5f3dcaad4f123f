-- The version of the text keys, such as accounts.username_key: ICU computes them, and they change
-- with it. Also the position of a rebuild. SQLite's search index follows the search text of files.

-- up

CREATE TABLE text_keys (
    id @integer@ PRIMARY KEY CHECK (id = 1), -- there is one row
    version TEXT NOT NULL, -- of all keys; empty: not known, rebuild them
    target TEXT, -- the version of the rebuild under way; null: none
    position_table TEXT, -- the table that the rebuild has reached; null: the first one
    position_id TEXT -- the id of the last row done in it, bytes in hexadecimal; null: none
) @strict@;
INSERT INTO text_keys (id, version) VALUES (1, '');

-- only sqlite
CREATE TRIGGER files_search_update AFTER UPDATE OF search_text ON files
WHEN new.search_text <> old.search_text BEGIN
    INSERT INTO files_search (files_search, rowid, search_text)
    VALUES ('delete', old.id, old.search_text);
    INSERT INTO files_search (rowid, search_text) VALUES (new.id, new.search_text);
END;
-- both

-- down

-- only sqlite
DROP TRIGGER files_search_update;
-- both
DROP TABLE text_keys;
