-- Statements about failed logins and about the known sources of successful ones, for
-- app/auth/throttle.c.

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

-- Takes one failure from a budget: moves `until`, the time at which the budget is full again, by
-- the interval $3 - $2, where $2 is the current time. A full budget gets `until` = $3. `until`
-- never exceeds $4.
-- name: login_failures_spend
INSERT INTO login_failures (name_key, failures, until) VALUES ($1, 1, $3)
ON CONFLICT (name_key) DO UPDATE
   SET failures = login_failures.failures + 1,
       until = CASE WHEN login_failures.until <= $2 THEN $3
                    WHEN login_failures.until - $2 + $3 > $4 THEN $4
                    ELSE login_failures.until - $2 + $3 END;

-- name: login_failures_clear
DELETE FROM login_failures WHERE name_key = $1;

-- name: login_failures_purge
DELETE FROM login_failures
 WHERE name_key IN (SELECT name_key FROM login_failures WHERE until < $1 ORDER BY until LIMIT $2);

-- name: login_sources_get
SELECT seen_at FROM login_sources WHERE source_key = $1;

-- name: login_sources_put
INSERT INTO login_sources (source_key, subject_key, seen_at) VALUES ($1, $2, $3)
ON CONFLICT (source_key) DO UPDATE SET seen_at = $3;

-- Deletes all but the $2 latest sources of a subject.
-- name: login_sources_bound
DELETE FROM login_sources
 WHERE source_key IN (SELECT source_key FROM login_sources WHERE subject_key = $1
                       ORDER BY seen_at DESC LIMIT 1000 OFFSET $2);

-- name: login_sources_clamp
UPDATE login_sources SET seen_at = $1 WHERE seen_at > $1;

-- name: login_sources_purge
DELETE FROM login_sources
 WHERE source_key IN (SELECT source_key FROM login_sources WHERE seen_at < $1
                       ORDER BY seen_at LIMIT $2);
