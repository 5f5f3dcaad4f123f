-- Statements about organizations and their members, for app/auth/account.c,
-- app/resources/organizations.c.

-- name: organizations_insert
INSERT INTO organizations (name, currency, created_at, updated_at, folded)
VALUES ($1, $2, $3, $3, $4)
RETURNING id;

-- The organizations of an account; only organization $2 if that is not 0.
-- define: of_account
FROM members m
  JOIN organizations o ON o.id = m.organization_id
 WHERE m.account_id = $1 AND (CAST($2 AS BIGINT) = 0 OR o.id = $2)

-- name: organizations_of_account
SELECT o.id, o.name, o.currency, m.role, o.created_at, o.updated_at, o.version
  @of_account@ ORDER BY o.id;

-- The base statements of a list of an account's organizations and of its count.

-- name: organizations_list
SELECT o.id, o.name, o.currency, m.role, o.created_at, o.updated_at, o.version
  @of_account@;

-- name: organizations_count
SELECT count(*) AS count @of_account@;

-- name: organizations_of_member
SELECT o.id, o.name, o.currency, m.role, o.created_at, o.updated_at, o.version
  FROM organizations o
  JOIN members m ON m.organization_id = o.id
 WHERE o.id = $1 AND m.account_id = $2;

-- name: organizations_currency
SELECT currency FROM organizations WHERE id = $1;

-- name: organizations_update
UPDATE organizations
   SET name = $2, currency = $3, updated_at = $4, version = version + 1, folded = $5
 WHERE id = $1;

-- Increments the version, because the representation of an organization contains the reader's role.
-- name: organizations_new_version
UPDATE organizations SET version = version + 1 WHERE id = $1;

-- name: members_insert
INSERT INTO members (organization_id, account_id, role, created_at) VALUES ($1, $2, $3, $4);

-- Adds a member. An existing member keeps its role.
-- name: members_join
INSERT INTO members (organization_id, account_id, role, created_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (organization_id, account_id) DO NOTHING;

-- name: members_by_address
SELECT m.account_id
  FROM members m
  JOIN accounts a ON a.id = m.account_id
 WHERE m.organization_id = $1 AND a.email_key = $2;

-- name: members_role
SELECT role FROM members WHERE organization_id = $1 AND account_id = $2;

-- The default organization of an account; no row unless the account is a member of it.
-- name: members_default_organization
SELECT m.organization_id
  FROM accounts a
  JOIN members m ON m.organization_id = a.default_organization_id AND m.account_id = a.id
 WHERE a.id = $1;

-- name: members_get
SELECT a.id, a.username, a.email, a.name, m.role, m.created_at
  FROM members m
  JOIN accounts a ON a.id = m.account_id
 WHERE m.organization_id = $1 AND m.account_id = $2;

-- The base statements of a list of members and of its count: app/rest/lists.c adds conditions and
-- the order.
-- name: members_list
SELECT a.id, a.username, a.email, a.name, m.role, m.created_at, a.username_sort_key
  FROM members m
  JOIN accounts a ON a.id = m.account_id
 WHERE m.organization_id = $1;

-- name: members_count
SELECT count(*) AS count
  FROM members m
  JOIN accounts a ON a.id = m.account_id
 WHERE m.organization_id = $1;

-- The owners of an organization. Locks their rows, so that two owners who give up the role at the
-- same time cannot leave the organization without an owner.
-- name: members_owners sqlite
SELECT account_id FROM members WHERE organization_id = $1 AND role = 'OWNER';

-- name: members_owners postgres
SELECT account_id FROM members WHERE organization_id = $1 AND role = 'OWNER' FOR UPDATE;

-- name: members_set_role
UPDATE members SET role = $3 WHERE organization_id = $1 AND account_id = $2;

-- name: members_delete
DELETE FROM members WHERE organization_id = $1 AND account_id = $2;
