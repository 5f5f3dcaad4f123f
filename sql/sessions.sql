-- Sessions, a refresh token each row: app/auth/session.c.

-- name: sessions_insert
INSERT INTO sessions (account_id, subject, family, digest, issued_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: sessions_by_digest
SELECT id, account_id, subject, family, expires_at, replaced_at, revoked_at
  FROM sessions WHERE digest = $1;

-- The same, locked: two who come with one token are served one after the other.
-- name: sessions_lock_by_digest sqlite
SELECT id, account_id, subject, family, expires_at, replaced_at, revoked_at
  FROM sessions WHERE digest = $1;

-- name: sessions_lock_by_digest postgres
SELECT id, account_id, subject, family, expires_at, replaced_at, revoked_at
  FROM sessions WHERE digest = $1 FOR UPDATE;

-- How many tokens a session has had, and how many of them were revoked.
-- name: sessions_state
SELECT count(*), count(revoked_at) FROM sessions WHERE family = $1;

-- name: sessions_replace
UPDATE sessions SET replaced_at = $2 WHERE id = $1;

-- name: sessions_revoke_family
UPDATE sessions SET revoked_at = $2 WHERE family = $1 AND revoked_at IS NULL;

-- All sessions of an account but one.
-- name: sessions_revoke_others
UPDATE sessions SET revoked_at = $3
 WHERE account_id = $1 AND family <> $2 AND revoked_at IS NULL;

-- name: sessions_purge
DELETE FROM sessions
 WHERE id IN (SELECT id FROM sessions WHERE expires_at < $1 ORDER BY expires_at LIMIT $2);
