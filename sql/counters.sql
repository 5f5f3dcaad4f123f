-- Counters: app/collection/counters.c.

-- name: counters_add
INSERT INTO counters (organization_id, name, slot, value) VALUES ($1, $2, $3, $4)
ON CONFLICT (organization_id, name, slot) DO UPDATE SET value = counters.value + excluded.value;

-- name: counters_value
SELECT CAST(coalesce(sum(value), 0) AS BIGINT) FROM counters WHERE organization_id = $1 AND name = $2;

-- All counters whose names lie between two.
-- name: counters_between
SELECT name, CAST(sum(value) AS BIGINT) FROM counters
 WHERE organization_id = $1 AND name >= $2 AND name < $3
 GROUP BY name ORDER BY name;
