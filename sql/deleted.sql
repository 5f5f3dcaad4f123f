-- Statements about deleted entries of the directory, for app/rest/restoration.c.

-- The changes of the last deletion of an entry in a period: the values that it had. A deletion
-- without a known outcome was made, because the directory shows the entry as deleted. None if the
-- entry was restored since, also by a revert: then it was deleted again with another tool. A
-- restore with an unknown outcome does not count, because the entry is still deleted. With $6 = 1
-- it is not: that restore is continued, and does not count either.

-- name: deleted_image
SELECT a.changes
  FROM audit a
 WHERE a.resource = $1 AND a.object_id = $2 AND a.action = $3 AND a.status <> 'failure'
   AND a.changes IS NOT NULL AND a.at BETWEEN $4 AND $5
   AND NOT EXISTS (SELECT 1
                     FROM audit r
                    WHERE r.resource = $1 AND r.object_id = $2 AND r.id > a.id
                      AND r.action IN ('restore_entry', 'revert_' || CAST($3 AS TEXT))
                      AND (r.status = 'success'
                           OR (r.code = 'PARTIALLY_APPLIED' AND CAST($6 AS BIGINT) = 0)))
 ORDER BY a.id DESC
 LIMIT 1;

-- The changes of the last restore of an entry whose row has the time of the deletion, if no later
-- call has completed it or has deleted the entry again. `later` is the number of other changes of
-- the entry since then.

-- name: deleted_unfinished
SELECT a.changes,
       (SELECT count(*)
          FROM audit s
         WHERE s.resource = $1 AND s.object_id = $2 AND s.id > a.id AND s.status = 'success')
       AS later
  FROM audit a
 WHERE a.resource = $1 AND a.object_id = $2 AND a.action = 'restore_entry'
   AND a.status IN ('pending', 'unknown') AND a.changes LIKE '%"field":"deleted_at"%'
   AND NOT EXISTS (SELECT 1
                     FROM audit r
                    WHERE r.resource = $1 AND r.object_id = $2 AND r.id > a.id
                      AND r.action IN ('restore_entry', $3, 'revert_' || CAST($3 AS TEXT))
                      AND r.status = 'success')
 ORDER BY a.id DESC
 LIMIT 1;
