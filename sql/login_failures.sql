-- Failed logins by name: app/auth/throttle.c.

-- name: login_failures_get
SELECT failures, until FROM login_failures WHERE name_key = $1;

-- name: login_failures_add
INSERT INTO login_failures (name_key, failures, until) VALUES ($1, 1, $2)
ON CONFLICT (name_key) DO UPDATE
   SET failures = CASE WHEN login_failures.until < $3 THEN 1 ELSE login_failures.failures + 1 END,
       until = $2
RETURNING failures;

-- name: login_failures_set
UPDATE login_failures SET until = $2 WHERE name_key = $1;

-- name: login_failures_clear
DELETE FROM login_failures WHERE name_key = $1;

-- name: login_failures_purge
DELETE FROM login_failures
 WHERE name_key IN (SELECT name_key FROM login_failures WHERE until < $1 ORDER BY until LIMIT $2);
