-- Statements about the links of the audit, for app/rest/audit_chain.c, app/rest/audit_retention.c
-- and app/rest/audit_verify.c.

-- The columns that the digest of a row covers, in the order of enum covered in
-- app/rest/audit_chain.c.
-- define: audit_covered
SELECT a.at, a.organization_id, a.directory, a.actor, a.actor_id, a.address, a.action, a.resource,
       a.object_id, a.status, a.code, a.request_id, a.reverts, a.salt, a.changes

-- 1 if no other host links or deletes rows until the end of the transaction. The number is the key
-- of an advisory lock, "audt" in ASCII.

-- name: audit_chain_lock sqlite
SELECT 1 AS locked;

-- name: audit_chain_lock postgres
SELECT CASE WHEN pg_try_advisory_xact_lock(1635083380) THEN 1 ELSE 0 END AS locked;

-- name: audit_linkable
SELECT 1 FROM audit WHERE linked = 0 AND status <> 'pending' LIMIT 1;

-- Stops at a number of rows, because this runs every second.
-- name: audit_linkable_count
SELECT count(*) AS total, min(at) AS oldest
  FROM (SELECT at FROM audit WHERE linked = 0 AND status <> 'pending' ORDER BY id LIMIT 10000)
    AS waiting;

-- name: audit_linkable_page
@audit_covered@, a.id
  FROM audit a WHERE a.linked = 0 AND a.status <> 'pending' ORDER BY a.id LIMIT $1;

-- name: audit_mark_linked
UPDATE audit SET linked = 1 WHERE id = $1;

-- Pending rows older than $1, or newer than $2: the clock was set back.

-- name: audit_pending_stale
SELECT 1 FROM audit WHERE linked = 0 AND status = 'pending' AND (at < $1 OR at > $2) LIMIT 1;

-- name: audit_pending_expire
UPDATE audit SET status = 'unknown'
 WHERE linked = 0 AND status = 'pending' AND (at < $1 OR at > $2);

-- name: audit_links_insert
INSERT INTO audit_links (position, audit_id, previous_id, changes_digest, row_tag, chain_tag)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (audit_id) DO NOTHING;

-- name: audit_links_last
SELECT position, audit_id, chain_tag FROM audit_links ORDER BY position DESC LIMIT 1;

-- name: audit_links_at
SELECT audit_id, chain_tag FROM audit_links WHERE position = $1;

-- Links after the position $1, with their rows; the id of a missing row is null.
-- name: audit_links_page
@audit_covered@, a.id, l.position, l.audit_id, l.previous_id, l.changes_digest, l.row_tag,
       l.chain_tag
  FROM audit_links l LEFT JOIN audit a ON a.id = l.audit_id
 WHERE l.position > $1 ORDER BY l.position LIMIT $2;

-- name: audit_links_of
SELECT count(*) AS count FROM audit_links WHERE audit_id = $1;

-- name: audit_chain_row
SELECT linked, (SELECT count(*) FROM audit_links l WHERE l.audit_id = a.id) AS links
  FROM audit a WHERE id = $1;

-- The end of a range of up to $2 ids after $1; null if there are none.
-- name: audit_chain_range
SELECT max(id) AS last FROM (SELECT id FROM audit WHERE id > $1 ORDER BY id LIMIT $2) AS page;

-- name: audit_without_link
SELECT a.id, a.at, a.linked FROM audit a
 WHERE a.id > $1 AND a.id <= $2
   AND NOT EXISTS (SELECT 1 FROM audit_links l
                    WHERE l.audit_id = a.id AND l.audit_id > $1 AND l.audit_id <= $2)
 ORDER BY a.id;

-- name: audit_chain_delete_row
DELETE FROM audit WHERE id = $1;

-- name: audit_links_delete
DELETE FROM audit_links WHERE position = $1;

-- name: audit_anchors_last
SELECT position, audit_id, chain_tag, removed_at, removed_count, tag
  FROM audit_anchors ORDER BY position DESC LIMIT 1;

-- name: audit_anchors_clear
DELETE FROM audit_anchors;

-- name: audit_anchors_insert
INSERT INTO audit_anchors (position, audit_id, chain_tag, removed_at, removed_count, tag)
VALUES ($1, $2, $3, $4, $5, $6);
