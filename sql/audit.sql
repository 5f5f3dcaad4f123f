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
       a.reverts, a.changes

-- The rows that the caller may read: all rows, those of an organization, and those of the
-- directory.

-- name: audit_list
SELECT @audit_columns@ FROM audit a WHERE true;

-- name: audit_count
SELECT count(*) AS count FROM audit a WHERE true;

-- name: audit_list_of_organization
SELECT @audit_columns@ FROM audit a WHERE a.organization_id = $1;

-- name: audit_count_of_organization
SELECT count(*) AS count FROM audit a WHERE a.organization_id = $1;

-- name: audit_list_of_directory
SELECT @audit_columns@ FROM audit a WHERE a.directory = 1;

-- name: audit_count_of_directory
SELECT count(*) AS count FROM audit a WHERE a.directory = 1;
