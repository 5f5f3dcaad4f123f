-- Stored responses for requests that are repeated with the same Idempotency-Key:
-- app/rest/idempotency.c.

-- name: idempotency_keys_expire
DELETE FROM idempotency_keys
 WHERE principal = $1 AND idempotency_key = $2 AND created_at < $3;

-- name: idempotency_keys_reserve
INSERT INTO idempotency_keys (principal, idempotency_key, request_digest, created_at)
VALUES ($1, $2, $3, $4)
ON CONFLICT (principal, idempotency_key) DO NOTHING;

-- name: idempotency_keys_get
SELECT request_digest, status, answer, created_at FROM idempotency_keys
 WHERE principal = $1 AND idempotency_key = $2;

-- name: idempotency_keys_answer
UPDATE idempotency_keys SET status = $3, answer = $4
 WHERE principal = $1 AND idempotency_key = $2;

-- name: idempotency_keys_release
DELETE FROM idempotency_keys WHERE principal = $1 AND idempotency_key = $2;

-- name: idempotency_keys_clamp
UPDATE idempotency_keys SET created_at = $1 WHERE created_at > $1;

-- name: idempotency_keys_purge
DELETE FROM idempotency_keys
 WHERE id IN (SELECT id FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2);
