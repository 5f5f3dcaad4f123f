-- Statements about API keys, for app/auth/api_key.c, app/auth/api_key_use.c,
-- app/resources/api_keys.c.

-- The key of a secret, with its maker: the names of an account, and its role in the organization
-- of the key.
-- name: api_keys_by_digest
SELECT k.id, k.subject, k.account_id, k.organization_id, k.scopes, k.expires_at, k.last_used_at,
       k.username AS maker, s.expires_at AS secret_expires_at, a.username, a.email,
       a.name AS account_name, m.role
  FROM api_key_secrets s
  JOIN api_keys k ON k.id = s.key_id
  LEFT JOIN accounts a ON a.id = k.account_id
  LEFT JOIN members m ON m.organization_id = k.organization_id AND m.account_id = k.account_id
 WHERE s.digest = $1;

-- name: api_keys_insert
INSERT INTO api_keys (subject, account_id, organization_id, username, name, scopes, prefix,
                      created_at, issued_at, expires_at, folded)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10)
RETURNING id;

-- name: api_keys_of_subject
SELECT count(*) AS count FROM api_keys WHERE subject = $1;

-- name: api_key_secrets_insert
INSERT INTO api_key_secrets (digest, key_id) VALUES ($1, $2);

-- The keys that a caller may see: those that it made ($1), those of the members of the organization
-- $2 (0: none), or all keys ($3 = 1). The lists of the first two find their rows by an index.

-- define: listed_keys
FROM api_keys k
 WHERE k.id IN (SELECT id FROM api_keys WHERE subject = $1
                 UNION ALL
                SELECT id FROM api_keys WHERE organization_id = $2)

-- define: visible_keys
FROM api_keys k
 WHERE (k.subject = $1 OR k.organization_id = $2 OR CAST($3 AS BIGINT) = 1)

-- define: key_columns
SELECT k.id, k.name, k.scopes, k.prefix, k.username AS created_by, k.organization_id,
       k.created_at, k.issued_at, k.expires_at, k.last_used_at, k.last_used_from

-- name: api_keys_list
@key_columns@ @listed_keys@;

-- name: api_keys_count
SELECT count(*) AS count @listed_keys@;

-- name: api_keys_list_all
@key_columns@ FROM api_keys k WHERE k.id > 0;

-- name: api_keys_count_all
SELECT count(*) AS count FROM api_keys k WHERE k.id > 0;

-- name: api_keys_get
@key_columns@ @visible_keys@ AND k.id = $4;

-- The maker of a key, and its current role in the organization of the key.
-- name: api_keys_maker
SELECT k.subject,
       (SELECT m.role FROM members m
         WHERE m.organization_id = k.organization_id AND m.account_id = k.account_id) AS role
  @visible_keys@ AND k.id = $4;

-- name: api_keys_update
UPDATE api_keys SET name = $2, scopes = $3, folded = $4 WHERE id = $1;

-- name: api_keys_delete
DELETE FROM api_keys WHERE id = $1;

-- Sets the end of the overlap of the current secret. Those replaced before end then at the latest.
-- name: api_key_secrets_replace
UPDATE api_key_secrets SET replaced_at = COALESCE(replaced_at, $2), expires_at = $3
 WHERE key_id = $1 AND (expires_at IS NULL OR expires_at > $3);

-- name: api_keys_reissue
UPDATE api_keys SET prefix = $2, issued_at = $3, expires_at = $4, folded = $5 WHERE id = $1;

-- name: api_keys_used
UPDATE api_keys SET last_used_at = $2, last_used_from = $3 WHERE id = $1;

-- Keys whose secret was issued before $1 and that have not expired at $2.
-- name: api_keys_old
SELECT k.id, k.name, k.username, k.issued_at
  FROM api_keys k
 WHERE k.issued_at < $1 AND (k.expires_at IS NULL OR k.expires_at > $2)
 ORDER BY k.issued_at, k.id;

-- name: api_keys_purge
DELETE FROM api_keys
 WHERE id IN (SELECT id FROM api_keys WHERE expires_at < $1 ORDER BY expires_at LIMIT $2);

-- name: api_key_secrets_purge
DELETE FROM api_key_secrets
 WHERE digest IN (SELECT digest FROM api_key_secrets WHERE expires_at < $1
                   ORDER BY expires_at LIMIT $2);

-- Replaced secrets with a time in the future: see purge_shorten() in app/store/purge.h.
-- name: api_key_secrets_ahead
SELECT 1 FROM api_key_secrets WHERE replaced_at > $1 LIMIT 1;

-- name: api_key_secrets_shorten
UPDATE api_key_secrets
   SET expires_at = expires_at - (replaced_at - $1), replaced_at = $1
 WHERE digest IN (SELECT digest FROM api_key_secrets WHERE replaced_at > $1 LIMIT $2);
