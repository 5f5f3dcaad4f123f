-- Deals: app/resources/deals.c.

-- name: deals_of_contact
SELECT id FROM deals WHERE contact_id = $1 AND deleted_at IS NULL ORDER BY id LIMIT 1;
