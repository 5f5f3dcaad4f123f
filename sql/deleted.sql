-- Statements about deleted entries of the directory, for app/rest/restoration.c.

-- The changes of the last deletion of an entry in a period: the values that it had. A deletion
-- without a known outcome was made, because the directory shows the entry as deleted. None if the
-- entry was restored since, also by a revert: then it was deleted again with another tool. A
-- restore with an unknown outcome does not count, because the entry is still deleted.

-- name: deleted_image
SELECT a.changes
  FROM audit a
 WHERE a.resource = $1 AND a.object_id = $2 AND a.action = $3 AND a.status <> 'failure'
   AND a.changes IS NOT NULL AND a.at BETWEEN $4 AND $5
   AND NOT EXISTS (SELECT 1
                     FROM audit r
                    WHERE r.resource IN ('entry', $1) AND r.object_id = $2 AND r.id > a.id
                      AND (r.resource = 'entry' OR r.action = 'revert_' || CAST($3 AS TEXT))
                      AND (r.status = 'success' OR r.code = 'PARTIALLY_APPLIED'))
 ORDER BY a.id DESC
 LIMIT 1;
