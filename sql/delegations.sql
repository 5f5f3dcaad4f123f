-- Statements about delegations, for app/rest/delegations.c, app/resources/delegations.c,
-- app/service/delegation_watch.c.

-- name: delegations_version
SELECT version FROM delegation_changes;

-- name: delegations_new_version
UPDATE delegation_changes SET version = version + 1;

-- name: delegations_rules
SELECT id, principal_sid, scope_guid, rights, fields FROM delegations ORDER BY id;

-- define: delegation_columns
d.id, d.principal, d.principal_name, d.scope, d.rights, d.fields, d.created_at, d.created_by,
       d.principal_guid, d.principal_sid, d.scope_guid, d.version

-- The base statements of a list of delegations and of its count.

-- name: delegations_list
SELECT @delegation_columns@ FROM delegations d WHERE true;

-- name: delegations_count
SELECT count(*) AS count FROM delegations d WHERE true;

-- name: delegations_get
SELECT @delegation_columns@ FROM delegations d WHERE d.id = $1;

-- name: delegations_numbers
SELECT count(*) AS total, coalesce(sum(CASE WHEN principal_guid = $1 THEN 1 ELSE 0 END), 0) AS own
  FROM delegations;

-- name: delegations_insert
INSERT INTO delegations (principal_guid, principal_sid, principal, principal_name, scope_guid,
                         scope, rights, fields, created_at, created_by, updated_at, folded)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $9, $11)
RETURNING id;

-- name: delegations_update
UPDATE delegations
   SET rights = $2, fields = $3, updated_at = $4, folded = $5, version = version + 1
 WHERE id = $1;

-- A page of all delegations, after the id $1.
-- name: delegations_page
SELECT id, principal_guid, principal, principal_name, scope_guid, scope, rights, fields, created_by,
       version
  FROM delegations WHERE id > $1 ORDER BY id LIMIT $2;

-- Stores names as the directory has them now. A no-op if version $6 is not the current one any
-- more.
-- name: delegations_rename
UPDATE delegations
   SET principal = $2, principal_name = $3, scope = $4, folded = $5, version = version + 1
 WHERE id = $1 AND version = $6;

-- name: delegations_delete
DELETE FROM delegations WHERE id = $1;
