-- Statements about contacts, for app/resources/contacts.c.

-- define: contact_columns
c.id, c.name, c.email, c.phone, c.company, c.position, c.notes, c.owner_id, c.email_unique_key,
       c.created_at, c.updated_at, c.version, c.deleted_at, c.name_sort_key

-- name: contacts_get
SELECT @contact_columns@ FROM contacts c WHERE c.organization_id = $1 AND c.id = $2;

-- name: contacts_list
SELECT @contact_columns@ FROM contacts c WHERE c.organization_id = $1 AND c.deleted_at IS NULL;

-- name: contacts_count
SELECT count(*) AS count FROM contacts c WHERE c.organization_id = $1 AND c.deleted_at IS NULL;

-- Search for contacts that contain three words, $2 to $4, by the search index, which returns the
-- rows in the order of f.id. The CROSS JOIN makes SQLite read the search index first, instead of
-- searching it once for each contact.

-- define: found_by_fts
(SELECT rowid AS id FROM contacts_search
          WHERE contacts_search MATCH '"' || replace($2, '"', '""') || '" AND "'
                || replace($3, '"', '""') || '" AND "' || replace($4, '"', '""') || '"') f
 CROSS JOIN contacts c ON c.id = f.id

-- define: found_by_trigrams
contacts f
  JOIN contacts c ON c.id = f.id
   AND f.organization_id = $1 AND f.deleted_at IS NULL
   AND f.search_text LIKE
       '%' || replace(replace(replace($2, '\', '\\'), '%', '\%'), '_', '\_') || '%'
   AND f.search_text LIKE
       '%' || replace(replace(replace($3, '\', '\\'), '%', '\%'), '_', '\_') || '%'
   AND f.search_text LIKE
       '%' || replace(replace(replace($4, '\', '\\'), '%', '\%'), '_', '\_') || '%'

-- Checks the text of each row that the index has found: SQLite's index cannot distinguish U+FFFE
-- and U+FFFF from U+FFFD.
-- define: has_words
c.organization_id = $1 AND c.deleted_at IS NULL AND instr(c.search_text, $2) > 0
   AND instr(c.search_text, $3) > 0 AND instr(c.search_text, $4) > 0

-- name: contacts_found sqlite
SELECT 1 FROM @found_by_fts@ WHERE @has_words@;

-- name: contacts_found postgres
SELECT 1 FROM @found_by_trigrams@ WHERE c.organization_id = $1 AND c.deleted_at IS NULL;

-- name: contacts_search_rare sqlite
SELECT @contact_columns@ FROM @found_by_fts@ WHERE @has_words@;

-- name: contacts_search_rare postgres
SELECT @contact_columns@ FROM @found_by_trigrams@
 WHERE c.organization_id = $1 AND c.deleted_at IS NULL;

-- Searches for words that many contacts contain: reads the contacts in the order of the list and
-- checks the text of each, without the search index.

-- name: contacts_search_common sqlite
SELECT @contact_columns@ FROM contacts c WHERE @has_words@;

-- name: contacts_search_common postgres
SELECT @contact_columns@ FROM contacts c
 WHERE c.organization_id = $1 AND c.deleted_at IS NULL AND strpos(c.search_text, $2) > 0
   AND strpos(c.search_text, $3) > 0 AND strpos(c.search_text, $4) > 0;

-- name: contacts_insert
INSERT INTO contacts (organization_id, created_at, updated_at, name, email, phone, company,
                      position, notes, owner_id, email_unique_key, name_sort_key,
                      email_key, search_text, folded)
VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
RETURNING id;

-- Any change, including soft delete and restore ($4).
-- name: contacts_update
UPDATE contacts
   SET updated_at = $2, version = version + 1, deleted_at = $4, name = $5, email = $6, phone = $7,
       company = $8, position = $9, notes = $10, owner_id = $11, email_unique_key = $12,
       name_sort_key = $13, email_key = $14, search_text = $15, folded = $16
 WHERE organization_id = $1 AND id = $3;

-- Adds the contacts that are waiting in contacts_unindexed to the search index, before the
-- transaction is committed. The CROSS JOIN makes SQLite read contacts_unindexed, which is small,
-- before contacts.
-- name: contacts_index sqlite only
INSERT INTO contacts_search (rowid, search_text)
SELECT c.id, c.search_text FROM contacts_unindexed u CROSS JOIN contacts c ON c.id = u.id
 WHERE c.deleted_at IS NULL;

-- name: contacts_indexed sqlite only
DELETE FROM contacts_unindexed;

-- Finds another contact with the address. There is no ORDER BY id, because with it SQLite would
-- scan the contacts by id instead of using the index of the addresses.
-- name: contacts_by_email
SELECT id FROM contacts
 WHERE organization_id = $1 AND email_key = $2 AND id <> $3 AND deleted_at IS NULL LIMIT 1;

-- name: contacts_visible
SELECT id FROM contacts WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL;

-- Number of contacts created in the period from $2 to before $3.
-- name: contacts_figures
SELECT count(*) AS count FROM contacts
 WHERE organization_id = $1 AND created_at >= $2 AND created_at < $3 AND deleted_at IS NULL;

-- Number of contacts of one owner, created in the period from $2 to before $3. The unary + keeps
-- SQLite from using the index of created_at: the index of the owner selects fewer rows.
-- name: contacts_figures_of_owner
SELECT count(*) AS count FROM contacts
 WHERE organization_id = $1 AND +created_at >= $2 AND +created_at < $3 AND owner_id = $4
   AND deleted_at IS NULL;
