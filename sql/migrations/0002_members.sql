-- The orders of the list of members.

-- up

CREATE INDEX members_by_role ON members (organization_id, role, account_id);
CREATE INDEX members_by_time ON members (organization_id, created_at, account_id);

-- down

DROP INDEX members_by_role;
DROP INDEX members_by_time;
