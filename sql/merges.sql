-- Statements about merges of contacts, for app/rest/contact_merge.c.

-- The rows that refer to the contact $2, deleted or not: at most $3. Each half reads an index.

-- name: merges_deals
SELECT id FROM deals WHERE organization_id = $1 AND contact_id = $2 AND deleted_at IS NULL
UNION ALL
SELECT id FROM deals WHERE organization_id = $1 AND contact_id = $2 AND deleted_at IS NOT NULL
LIMIT $3;

-- name: merges_tasks
SELECT id FROM tasks WHERE organization_id = $1 AND contact_id = $2 AND deleted_at IS NULL
UNION ALL
SELECT id FROM tasks WHERE organization_id = $1 AND contact_id = $2 AND deleted_at IS NOT NULL
LIMIT $3;

-- name: merges_activities
SELECT id FROM activities WHERE organization_id = $1 AND contact_id = $2 AND deleted_at IS NULL
UNION ALL
SELECT id FROM activities WHERE organization_id = $1 AND contact_id = $2 AND deleted_at IS NOT NULL
LIMIT $3;

-- Let the rows whose ids are in the JSON array $5 refer to the contact $3 instead of $2.

-- name: merges_move_deals sqlite
UPDATE deals SET contact_id = $3, updated_at = $4, version = version + 1
 WHERE organization_id = $1 AND contact_id = $2 AND id IN (SELECT value FROM json_each($5));

-- name: merges_move_deals postgres
UPDATE deals SET contact_id = $3, updated_at = $4, version = version + 1
 WHERE organization_id = $1 AND contact_id = $2
   AND id IN (SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST($5 AS JSON)));

-- name: merges_move_tasks sqlite
UPDATE tasks SET contact_id = $3, updated_at = $4, version = version + 1
 WHERE organization_id = $1 AND contact_id = $2 AND id IN (SELECT value FROM json_each($5));

-- name: merges_move_tasks postgres
UPDATE tasks SET contact_id = $3, updated_at = $4, version = version + 1
 WHERE organization_id = $1 AND contact_id = $2
   AND id IN (SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST($5 AS JSON)));

-- name: merges_move_activities sqlite
UPDATE activities SET contact_id = $3, updated_at = $4, version = version + 1
 WHERE organization_id = $1 AND contact_id = $2 AND id IN (SELECT value FROM json_each($5));

-- name: merges_move_activities postgres
UPDATE activities SET contact_id = $3, updated_at = $4, version = version + 1
 WHERE organization_id = $1 AND contact_id = $2
   AND id IN (SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST($5 AS JSON)));
