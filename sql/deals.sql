-- Statements about deals, for app/resources/deals.c.

-- define: deal_columns
d.id, d.title, d.amount, d.status, d.outcome, d.contact_id, d.owner_id, d.description,
       d.expected_close_date, d.lost_reason, d.closed_at, d.created_at, d.updated_at, d.version,
       d.deleted_at, d.close_key

-- name: deals_get
SELECT @deal_columns@ FROM deals d WHERE d.organization_id = $1 AND d.id = $2;

-- name: deals_list
SELECT @deal_columns@ FROM deals d WHERE d.organization_id = $1 AND d.deleted_at IS NULL;

-- name: deals_count
SELECT count(*) AS count FROM deals d WHERE d.organization_id = $1 AND d.deleted_at IS NULL;

-- name: deals_insert
INSERT INTO deals (organization_id, created_at, updated_at, title, amount, status, outcome,
                   contact_id, owner_id, description, expected_close_date, lost_reason, closed_at,
                   folded)
VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
RETURNING id;

-- name: deals_update
UPDATE deals
   SET updated_at = $2, version = version + 1, deleted_at = $4, title = $5, amount = $6,
       status = $7, outcome = $8, contact_id = $9, owner_id = $10, description = $11,
       expected_close_date = $12, lost_reason = $13, closed_at = $14, folded = $15
 WHERE organization_id = $1 AND id = $3;

-- name: deals_of_contact
SELECT id FROM deals
 WHERE organization_id = $1 AND contact_id = $2 AND deleted_at IS NULL LIMIT 1;

-- name: deals_visible
SELECT id FROM deals WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL;

-- The largest amount of an organization's deals, plus that of its deleted deals, which can be
-- restored; each is the last entry of an index. Positive if any deal has an amount.
-- name: deals_largest_amounts
SELECT coalesce((SELECT amount FROM deals WHERE organization_id = $1 AND deleted_at IS NULL
                  ORDER BY amount DESC LIMIT 1), 0)
     + coalesce((SELECT amount FROM deals WHERE organization_id = $1 AND deleted_at IS NOT NULL
                  ORDER BY amount DESC LIMIT 1), 0) AS largest;

-- Analytics of the deals created in the period from $2 to before $3.

-- define: deal_figures
count(*) AS total, count(CASE WHEN status = 'NEW' THEN 1 END) AS new,
       count(CASE WHEN status = 'IN_PROGRESS' THEN 1 END) AS in_progress,
       count(CASE WHEN outcome = 'WON' THEN 1 END) AS won,
       count(CASE WHEN outcome = 'LOST' THEN 1 END) AS lost,
       count(CASE WHEN status = 'CLOSED' THEN 1 END) AS closed,
       CAST(coalesce(sum(CASE WHEN status IN ('NEW', 'IN_PROGRESS') THEN amount END), 0) AS BIGINT)
       AS pipeline

-- name: deals_figures
SELECT @deal_figures@ FROM deals
 WHERE organization_id = $1 AND created_at >= $2 AND created_at < $3 AND deleted_at IS NULL;

-- contacts_figures_of_owner (contacts.sql) explains the unary +.
-- name: deals_figures_of_owner
SELECT @deal_figures@ FROM deals
 WHERE organization_id = $1 AND +created_at >= $2 AND +created_at < $3 AND owner_id = $4
   AND deleted_at IS NULL;
