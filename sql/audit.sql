-- Statements about the audit, for app/rest/audit.c and app/resources/audit.c.

-- name: audit_insert
INSERT INTO audit (at, organization_id, directory, actor, actor_key, actor_id, address, action,
                   resource, object_id, status, code, request_id, reverts, changes, salt)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
RETURNING id;

-- name: audit_settle
UPDATE audit SET status = $2, code = $3, object_id = coalesce($4, object_id)
 WHERE id = $1 AND status = 'pending';

-- name: audit_extend
UPDATE audit SET changes = $2 WHERE id = $1 AND status = 'pending';

-- The row that a request reverts.
-- name: audit_reverted
SELECT id, organization_id, directory, action, resource, object_id, status, changes
  FROM audit WHERE id = $1;

-- define: audit_columns
a.id, a.at, a.actor, a.address, a.action, a.resource, a.object_id, a.status, a.code, a.request_id,
       a.reverts, coalesce(a.changes, '[]') AS changes

-- The rows that the caller may read: all rows, those of an organization, and those of the
-- directory.

-- name: audit_list
SELECT @audit_columns@ FROM audit a WHERE true;

-- name: audit_list_of_organization
SELECT @audit_columns@ FROM audit a WHERE a.organization_id = $1;

-- name: audit_list_of_directory
SELECT @audit_columns@ FROM audit a WHERE a.directory = 1;

-- Number of rows of the organization, or of the directory, up to $1.
-- name: audit_few_of_organization
SELECT count(*) AS count FROM (SELECT 1 FROM audit a WHERE a.organization_id = $2 LIMIT $1) AS few;

-- name: audit_few_of_directory
SELECT count(*) AS count FROM (SELECT 1 FROM audit a WHERE a.directory = 1 LIMIT $1) AS few;

-- The rows of one object; the program adds a condition for the rows that the caller may read.
-- name: audit_history
SELECT @audit_columns@ FROM audit a WHERE a.resource = $1 AND lower(a.object_id) = lower($2);

-- Organization $2 (0: all), and of the directory only if $3 is 1.
-- name: audit_get
SELECT @audit_columns@ FROM audit a
 WHERE a.id = $1 AND (CAST($2 AS BIGINT) = 0 OR a.organization_id = $2)
   AND (CAST($3 AS BIGINT) = 0 OR a.directory = $3);

-- True if the object has a row: see audit_get.
-- name: audit_of_object
SELECT 1 AS found FROM audit a
 WHERE a.resource = $1 AND lower(a.object_id) = lower($2)
   AND (CAST($3 AS BIGINT) = 0 OR a.organization_id = $3)
   AND (CAST($4 AS BIGINT) = 0 OR a.directory = $4) LIMIT 1;
