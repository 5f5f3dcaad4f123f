-- Accounts: app/auth/account.c, app/resources/accounts.c, app/commands.c.

-- name: accounts_page
SELECT id, username, email FROM accounts ORDER BY id LIMIT $1 OFFSET $2;

-- name: accounts_count
SELECT count(*) FROM accounts;

-- name: accounts_insert
INSERT INTO accounts (username, username_key, email, email_key, name, password_hash,
                      created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
RETURNING id;

-- name: accounts_by_id
SELECT id, username, email, name, password_hash, credentials_version
  FROM accounts WHERE id = $1;

-- name: accounts_by_username
SELECT id, username, email, name, password_hash, credentials_version
  FROM accounts WHERE username_key = $1;

-- name: accounts_by_email
SELECT id, username, email, name, password_hash, credentials_version
  FROM accounts WHERE email_key = $1;

-- Everybody with each of their organizations.
-- name: accounts_with_organizations
SELECT a.id, a.username, a.email, o.id, o.name, m.role
  FROM accounts a
  LEFT JOIN members m ON m.account_id = a.id
  LEFT JOIN organizations o ON o.id = m.organization_id
 ORDER BY a.id, o.id;

-- name: accounts_set_password
UPDATE accounts
   SET password_hash = $2, updated_at = $3, version = version + 1,
       credentials_version = credentials_version + 1
 WHERE id = $1;

-- Who an access token stands for: the account, its role in one organization, and when the token's
-- session expires; null if it has ended, or was opened with other credentials. The + keeps SQLite from
-- reading all sessions of the account.
-- name: accounts_principal
SELECT a.username, a.email, a.name, m.role,
       (SELECT s.expires_at FROM sessions s
         WHERE s.id = $3 AND s.account_id + 0 = a.id AND s.epoch = a.credentials_version
           AND s.ended_at IS NULL AND s.expires_at > $4),
       a.credentials_version
  FROM accounts a
  LEFT JOIN members m ON m.organization_id = $2 AND m.account_id = a.id
 WHERE a.id = $1;
