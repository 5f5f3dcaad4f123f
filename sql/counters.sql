-- Statements about counters, for app/rest/counters.c.

-- name: counters_add
INSERT INTO counters (organization_id, name, slot, value) VALUES ($1, $2, $3, $4)
ON CONFLICT (organization_id, name, slot) DO UPDATE SET value = counters.value + excluded.value;

-- name: counters_value
SELECT CAST(coalesce(sum(value), 0) AS BIGINT) AS total
  FROM counters WHERE organization_id = $1 AND name = $2;

-- name: counters_between
SELECT name, CAST(sum(value) AS BIGINT) AS total FROM counters
 WHERE organization_id = $1 AND name >= $2 AND name <= $3
 GROUP BY name ORDER BY name;

-- The true values of the counters, computed from the rows that they count. They must agree with the
-- counter deltas that each resource computes (its add_deltas function).

-- define: counted
counted AS (
    SELECT organization_id, 'contacts' AS name, count(*) AS value
      FROM contacts WHERE deleted_at IS NULL GROUP BY organization_id
    UNION ALL
    SELECT organization_id, 'deals', count(*)
      FROM deals WHERE deleted_at IS NULL GROUP BY organization_id
    UNION ALL
    SELECT organization_id, 'deals.' || status, count(*)
      FROM deals WHERE deleted_at IS NULL AND status IN ('NEW', 'IN_PROGRESS', 'CLOSED')
     GROUP BY organization_id, status
    UNION ALL
    SELECT organization_id, 'deals.' || outcome, count(*)
      FROM deals WHERE deleted_at IS NULL AND outcome IS NOT NULL GROUP BY organization_id, outcome
    UNION ALL
    SELECT organization_id, 'deals.pipeline', CAST(sum(amount) AS BIGINT)
      FROM deals WHERE deleted_at IS NULL AND status IN ('NEW', 'IN_PROGRESS')
     GROUP BY organization_id
    UNION ALL
    SELECT organization_id, 'tasks', count(*)
      FROM tasks WHERE deleted_at IS NULL GROUP BY organization_id
    UNION ALL
    SELECT organization_id, 'tasks.' || status, count(*)
      FROM tasks WHERE deleted_at IS NULL GROUP BY organization_id, status
    UNION ALL
    SELECT organization_id,
           'tasks.due.' || CAST(10000000 + (overdue_from - 1) / 86400000 AS TEXT), count(*)
      FROM tasks
     WHERE deleted_at IS NULL AND status <> 'DONE' AND overdue_from IS NOT NULL
     GROUP BY organization_id, (overdue_from - 1) / 86400000
    UNION ALL
    SELECT organization_id, 'activities', count(*)
      FROM activities WHERE deleted_at IS NULL GROUP BY organization_id
    UNION ALL
    SELECT organization_id, 'activities.' || type, count(*)
      FROM activities WHERE deleted_at IS NULL GROUP BY organization_id, type
    UNION ALL
    SELECT organization_id, 'where.contacts.owner_id=' || owner_id, count(*)
      FROM contacts WHERE deleted_at IS NULL AND owner_id IS NOT NULL
     GROUP BY organization_id, owner_id
    UNION ALL
    SELECT organization_id, 'where.deals.status=' || status, count(*)
      FROM deals WHERE deleted_at IS NULL GROUP BY organization_id, status
    UNION ALL
    SELECT organization_id, 'where.deals.owner_id=' || owner_id, count(*)
      FROM deals WHERE deleted_at IS NULL AND owner_id IS NOT NULL
     GROUP BY organization_id, owner_id
    UNION ALL
    SELECT organization_id, 'where.tasks.assignee_id=' || assignee_id, count(*)
      FROM tasks WHERE deleted_at IS NULL AND assignee_id IS NOT NULL
     GROUP BY organization_id, assignee_id
    UNION ALL
    SELECT organization_id, 'where.activities.author_id=' || author_id, count(*)
      FROM activities WHERE deleted_at IS NULL AND author_id IS NOT NULL
     GROUP BY organization_id, author_id
),
kept AS (
    SELECT organization_id, name, CAST(sum(value) AS BIGINT) AS value
      FROM counters GROUP BY organization_id, name
),
both_sides AS (
    SELECT organization_id, name, value, 0 AS is_kept FROM counted
    UNION ALL
    SELECT organization_id, name, value, 1 FROM kept
),
wrong AS (
    SELECT organization_id, name,
           CAST(sum(CASE WHEN is_kept = 1 THEN value ELSE 0 END) AS BIGINT) AS is_value,
           CAST(sum(CASE WHEN is_kept = 0 THEN value ELSE 0 END) AS BIGINT) AS true_value
      FROM both_sides
     GROUP BY organization_id, name
    HAVING sum(CASE WHEN is_kept = 1 THEN value ELSE -value END) <> 0
)

-- The counters whose stored value (is_value) differs from the true one (true_value).
-- name: counters_wrong
WITH @counted@
SELECT organization_id, name, is_value, true_value FROM wrong ORDER BY organization_id, name;

-- Corrects the counters that counters_wrong returns.
-- name: counters_repair
INSERT INTO counters (organization_id, name, slot, value)
WITH @counted@
SELECT organization_id, name, 0, true_value - is_value FROM wrong WHERE true_value <> is_value
ON CONFLICT (organization_id, name, slot) DO UPDATE SET value = counters.value + excluded.value;
