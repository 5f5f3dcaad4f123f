-- Statements about invitations to organizations, for app/resources/invitations.c,
-- app/resources/organizations.c.

-- A second invitation of an address replaces the first one.
-- name: invitations_insert
INSERT INTO invitations (organization_id, email, email_key, role, invited_by, created_at,
                         expires_at, folded)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (organization_id, email_key) DO UPDATE
   SET email = excluded.email, role = excluded.role, invited_by = excluded.invited_by,
       created_at = excluded.created_at, expires_at = excluded.expires_at,
       folded = excluded.folded
RETURNING id;

-- name: invitations_role_of_address
SELECT role FROM invitations WHERE organization_id = $1 AND email_key = $2 AND expires_at > $3;

-- name: invitations_list
SELECT i.id, i.email, i.role, 'invited' AS status, i.invited_by, i.created_at, i.expires_at
  FROM invitations i
 WHERE i.organization_id = $1 AND i.expires_at > $2;

-- name: invitations_count
SELECT count(*) AS count FROM invitations i WHERE i.organization_id = $1 AND i.expires_at > $2;

-- name: invitations_get
SELECT id, email, role, 'invited' AS status, invited_by, created_at, expires_at
  FROM invitations
 WHERE organization_id = $1 AND expires_at > $2 AND id = $3;

-- name: invitations_delete
DELETE FROM invitations WHERE id = $1;

-- Deletes the invitations whose inviter no longer has the role that is needed to invite.
-- name: invitations_delete_of_inviter
DELETE FROM invitations
 WHERE invited_by = $1 AND organization_id = $2
   AND NOT EXISTS (SELECT 1 FROM members m
                    WHERE m.organization_id = $2 AND m.account_id = $1
                      AND (m.role = 'OWNER' OR (m.role = 'ADMIN' AND invitations.role <> 'OWNER')));

-- The invitations of an account: those to its address, if the address is verified, or if the
-- configuration trusts every address ($2 = 1).

-- define: own_invitations
FROM accounts a
  JOIN invitations i ON i.email_key = a.email_key
  JOIN organizations o ON o.id = i.organization_id
  JOIN accounts b ON b.id = i.invited_by
 WHERE a.id = $1 AND (a.email_verified_at IS NOT NULL OR CAST($2 AS BIGINT) = 1)
   AND i.expires_at > $3

-- name: invitations_of_account
SELECT i.id, i.organization_id, o.name AS organization_name, i.role, b.name AS inviter_name,
       i.created_at, i.expires_at
  @own_invitations@;

-- name: invitations_count_of_account
SELECT count(*) AS count @own_invitations@;

-- name: invitations_to_account
SELECT i.organization_id, i.role
  FROM accounts a
  JOIN invitations i ON i.email_key = a.email_key
 WHERE a.id = $1 AND (a.email_verified_at IS NOT NULL OR CAST($2 AS BIGINT) = 1)
   AND i.expires_at > $3 AND i.id = $4;

-- Rows with a time of issue in the future: see purge_shorten() in app/store/purge.h.
-- name: invitations_ahead
SELECT 1 FROM invitations WHERE created_at > $1 LIMIT 1;

-- name: invitations_shorten
UPDATE invitations SET expires_at = expires_at - (created_at - $1), created_at = $1
 WHERE id IN (SELECT id FROM invitations WHERE created_at > $1 LIMIT $2);

-- name: invitations_purge
DELETE FROM invitations
 WHERE id IN (SELECT id FROM invitations WHERE expires_at < $1 ORDER BY expires_at LIMIT $2);
