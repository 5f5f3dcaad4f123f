-- The amounts of deleted deals: an organization with amounts keeps its currency, and a deleted deal can be
-- restored.

-- up

CREATE INDEX deals_deleted_by_amount ON deals (organization_id, amount) WHERE deleted_at IS NOT NULL;

-- down

DROP INDEX deals_deleted_by_amount;
