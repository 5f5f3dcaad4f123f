-- Statements about tokens that expire, for app/tokens/, app/resources/tokens.c.

-- name: tokens_insert
INSERT INTO tokens (digest, purpose, max_uses, uses, created_at, expires_at, folded)
VALUES ($1, $2, $3, 0, $4, $5, $6);

-- The index contains all selected columns, so the table is not read.
-- name: tokens_check
SELECT id, expires_at, max_uses FROM tokens WHERE digest = $1;

-- name: tokens_uses
SELECT uses FROM tokens WHERE id = $1;

-- Adds one use to a token with a limit. Changes no row if no uses are left or it has expired.
-- name: tokens_use
UPDATE tokens SET uses = uses + 1 WHERE id = $1 AND uses < max_uses AND expires_at > $2;

-- Adds uses to a token without a limit.
-- name: tokens_used
UPDATE tokens SET uses = uses + $2 WHERE id = $1;

-- name: tokens_introspect
SELECT id, purpose, max_uses, uses, created_at, expires_at FROM tokens WHERE digest = $1;

-- name: tokens_revoke
DELETE FROM tokens WHERE digest = $1 RETURNING id;

-- name: tokens_delete
DELETE FROM tokens WHERE id = $1 RETURNING id;

-- name: tokens_list
SELECT t.id, t.purpose, t.max_uses, t.uses, t.created_at, t.expires_at FROM tokens t WHERE true;

-- name: tokens_count
SELECT count(*) AS count FROM tokens t WHERE true;

-- Rows with a time of issue in the future: see purge_shorten() in app/store/purge.h.
-- name: tokens_ahead
SELECT 1 FROM tokens WHERE created_at > $1 LIMIT 1;

-- name: tokens_shorten
UPDATE tokens SET expires_at = expires_at - (created_at - $1), created_at = $1
 WHERE id IN (SELECT id FROM tokens WHERE created_at > $1 LIMIT $2);

-- SKIP LOCKED: two purges that run at the same time delete different rows.
-- name: tokens_purge sqlite
DELETE FROM tokens
 WHERE id IN (SELECT id FROM tokens WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2);

-- name: tokens_purge postgres
DELETE FROM tokens
 WHERE id IN (SELECT id FROM tokens WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2
              FOR UPDATE SKIP LOCKED);
