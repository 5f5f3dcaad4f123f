-- Statements about one-use links that verify an email address, for app/auth/email_link.c,
-- app/resources/email_links.c.

-- A new link for an address replaces the old one.
-- name: email_links_insert
INSERT INTO email_links (email, email_key, digest, created_at, expires_at, folded)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (email_key) DO UPDATE
   SET email = excluded.email, digest = excluded.digest, created_at = excluded.created_at,
       expires_at = excluded.expires_at, folded = excluded.folded
RETURNING id;

-- name: email_links_find
SELECT id FROM email_links WHERE digest = $1 AND email_key = $2 AND expires_at > $3;

-- name: email_links_use
DELETE FROM email_links WHERE digest = $1 AND email_key = $2 AND expires_at > $3;

-- name: email_links_list
SELECT l.id, l.email, l.created_at, l.expires_at FROM email_links l WHERE l.expires_at > $1;

-- name: email_links_count
SELECT count(*) AS count FROM email_links l WHERE l.expires_at > $1;

-- name: email_links_get
SELECT id, email, created_at, expires_at FROM email_links WHERE expires_at > $1 AND id = $2;

-- name: email_links_delete
DELETE FROM email_links WHERE expires_at > $1 AND id = $2;

-- Rows with a time of issue in the future: see purge_shorten() in app/store/purge.h.
-- name: email_links_ahead
SELECT 1 FROM email_links WHERE created_at > $1 LIMIT 1;

-- name: email_links_shorten
UPDATE email_links SET expires_at = expires_at - (created_at - $1), created_at = $1
 WHERE id IN (SELECT id FROM email_links WHERE created_at > $1 LIMIT $2);

-- name: email_links_purge
DELETE FROM email_links
 WHERE id IN (SELECT id FROM email_links WHERE expires_at < $1 ORDER BY expires_at LIMIT $2);
