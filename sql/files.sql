-- Statements about files, for app/resources/files.c, app/files/catalog.c.

-- define: file_columns
f.id, f.scope, f.organization_id, f.name, f.object_key, f.original_name, f.content_type, f.size,
       f.md5, f.sha256, f.tags, f.created_at

-- name: files_get
SELECT @file_columns@ FROM files f WHERE f.name = $1;

-- The base statements of lists of files. app/files/listing.c adds conditions (scope, prefix,
-- cursor) and the order.

-- name: files_list
SELECT @file_columns@ FROM files f WHERE f.id > 0;

-- name: files_tagged
SELECT @file_columns@ FROM file_tags t JOIN files f ON f.id = t.file_id WHERE t.tag = $1;

-- Search for files that contain three words, $1 to $3. SQLite's search index returns them in the
-- order of f.id.

-- name: files_search sqlite
SELECT @file_columns@
  FROM (SELECT rowid AS id FROM files_search
         WHERE files_search MATCH '"' || replace($1, '"', '""') || '" AND "'
               || replace($2, '"', '""') || '" AND "' || replace($3, '"', '""') || '"') s
 CROSS JOIN files f ON f.id = s.id WHERE f.id > 0;

-- name: files_search postgres
SELECT @file_columns@ FROM files f
 WHERE f.search_text LIKE
       '%' || replace(replace(replace($1, '\', '\\'), '%', '\%'), '_', '\_') || '%'
   AND f.search_text LIKE
       '%' || replace(replace(replace($2, '\', '\\'), '%', '\%'), '_', '\_') || '%'
   AND f.search_text LIKE
       '%' || replace(replace(replace($3, '\', '\\'), '%', '\%'), '_', '\_') || '%';

-- name: files_insert
INSERT INTO files (scope, organization_id, name, object_key, original_name, content_type, size,
                   md5, sha256, tags, search_text, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', $10, $11);

-- name: files_delete
DELETE FROM files WHERE id = $1;

-- name: files_set_tags
UPDATE files SET tags = $2 WHERE id = $1;

-- name: file_tags_clear
DELETE FROM file_tags WHERE file_id = $1;

-- name: file_tags_insert
INSERT INTO file_tags (file_id, scope, tag) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING;

-- A page of all files by object key, the order in which the object storage lists its objects.
-- name: files_by_object
SELECT name, object_key, size FROM files WHERE object_key > $1 ORDER BY object_key LIMIT $2;

-- name: files_of_object
SELECT @file_columns@ FROM files f WHERE f.object_key = $1;

-- name: pending_objects_insert
INSERT INTO pending_objects (object_key, since) VALUES ($1, $2);

-- name: pending_objects_get
SELECT since FROM pending_objects WHERE object_key = $1;

-- name: pending_objects_delete
DELETE FROM pending_objects WHERE object_key = $1;

-- name: pending_objects_clamp
UPDATE pending_objects SET since = $1 WHERE since > $1;

-- name: pending_objects_oldest
SELECT object_key FROM pending_objects WHERE since <= $1 ORDER BY since LIMIT $2;

-- define: usage_columns
files, bytes

-- Adds to the usage of a scope and returns the new usage. Other transactions that add to the same
-- scope wait until this one is committed or rolled back, so that concurrent uploads cannot exceed
-- the quota together.
-- name: file_usage_add
INSERT INTO file_usage (scope, files, bytes) VALUES ($1, $2, $3)
ON CONFLICT (scope) DO UPDATE
   SET files = file_usage.files + excluded.files, bytes = file_usage.bytes + excluded.bytes
RETURNING @usage_columns@;

-- name: file_usage_get
SELECT @usage_columns@ FROM file_usage WHERE scope = $1;

-- The scopes whose stored usage (files, bytes) differs from the true one (true_files, true_bytes),
-- which is computed from the rows of `files`.

-- define: wrong_usage
both_sides AS (
    SELECT scope, size AS true_bytes, 1 AS true_files, 0 AS bytes, 0 AS files FROM files
    UNION ALL
    SELECT 'all', size, 1, 0, 0 FROM files
    UNION ALL
    SELECT scope, 0, 0, bytes, files FROM file_usage
),
wrong AS (
    SELECT scope, CAST(sum(files) AS BIGINT) AS files,
           CAST(sum(true_files) AS BIGINT) AS true_files, CAST(sum(bytes) AS BIGINT) AS bytes,
           CAST(sum(true_bytes) AS BIGINT) AS true_bytes
      FROM both_sides GROUP BY scope
    HAVING sum(files) <> sum(true_files) OR sum(bytes) <> sum(true_bytes)
)

-- name: file_usage_wrong
WITH @wrong_usage@
SELECT scope, files, true_files, bytes, true_bytes FROM wrong ORDER BY scope;

-- name: file_usage_repair
INSERT INTO file_usage (scope, files, bytes)
WITH @wrong_usage@
SELECT scope, true_files, true_bytes FROM wrong WHERE true_files >= 0
ON CONFLICT (scope) DO UPDATE SET files = excluded.files, bytes = excluded.bytes;
