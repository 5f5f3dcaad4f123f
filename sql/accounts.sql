-- Statements about accounts, for app/auth/account.c, app/resources/accounts.c, app/cli/admin.c.

-- name: accounts_list
SELECT a.id, a.username, a.email, a.username_sort_key FROM accounts a WHERE true;

-- name: accounts_count
SELECT count(*) AS count FROM accounts a WHERE true;

-- name: accounts_insert
INSERT INTO accounts (username, username_key, username_sort_key, email, email_key, name,
                      password_hash, created_at, updated_at, email_verified_at, folded)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10)
RETURNING id;

-- define: account_columns
id, username, email, name, password_hash, credentials_version

-- name: accounts_by_id
SELECT @account_columns@ FROM accounts WHERE id = $1;

-- name: accounts_by_username
SELECT @account_columns@ FROM accounts WHERE username_key = $1;

-- name: accounts_by_email
SELECT @account_columns@ FROM accounts WHERE email_key = $1;

-- All accounts, with a row for each organization of an account.
-- name: accounts_with_organizations
SELECT a.id, a.username, a.email, o.id AS organization_id, o.name AS organization_name, m.role
  FROM accounts a
  LEFT JOIN members m ON m.account_id = a.id
  LEFT JOIN organizations o ON o.id = m.organization_id
 ORDER BY a.id, o.id;

-- Reads the highest cost, two digits, among all bcrypt hashes.
-- name: accounts_highest_cost
SELECT substr(password_hash, 5, 2) AS cost FROM accounts
 WHERE substr(password_hash, 2, 1) = '2'
 ORDER BY substr(password_hash, 5, 2) DESC LIMIT 1;

-- Stores a new hash of the same password; sessions stay valid. A no-op if the password was changed
-- meanwhile.
-- name: accounts_rehash
UPDATE accounts SET password_hash = $3 WHERE id = $1 AND password_hash = $2;

-- name: accounts_set_password
UPDATE accounts
   SET password_hash = $2, updated_at = $3, version = version + 1,
       credentials_version = credentials_version + 1
 WHERE id = $1;

-- name: accounts_verify_email
UPDATE accounts SET email_verified_at = coalesce(email_verified_at, $2), updated_at = $2
 WHERE id = $1 AND email_key IS NOT NULL;

-- Removes an unverified address from the account that holds it. If the address is also the user
-- name, $2 replaces that; $3 is its sort key.
-- name: accounts_release_email
UPDATE accounts
   SET username = CASE WHEN username_key = email_key THEN $2 ELSE username END,
       username_key = CASE WHEN username_key = email_key THEN $2 ELSE username_key END,
       username_sort_key = CASE WHEN username_key = email_key THEN $3 ELSE username_sort_key END,
       email = NULL, email_key = NULL, updated_at = $4, version = version + 1
 WHERE email_key = $1 AND email_verified_at IS NULL
RETURNING id;

-- name: accounts_set_folded
UPDATE accounts SET folded = $2 WHERE id = $1;

-- organization_id is the default organization; null unless the account is a member of it.
-- name: accounts_self
SELECT a.email_verified_at, m.organization_id
  FROM accounts a
  LEFT JOIN members m ON m.organization_id = a.default_organization_id AND m.account_id = a.id
 WHERE a.id = $1;

-- name: accounts_set_default_organization
UPDATE accounts SET default_organization_id = $2
 WHERE id = $1 AND EXISTS (SELECT 1 FROM members WHERE organization_id = $2 AND account_id = $1);

-- name: accounts_init_default_organization
UPDATE accounts SET default_organization_id = $2 WHERE id = $1 AND default_organization_id IS NULL;

-- name: accounts_clear_default_organization
UPDATE accounts SET default_organization_id = NULL WHERE id = $1 AND default_organization_id = $2;

-- The principal of an access token: the account, its role in one organization, and the expiry of
-- its session, which is null if the session has ended or was opened with other credentials. The
-- "+ 0" keeps SQLite from using the index of account_id and reading all sessions of the account.
-- name: accounts_principal
SELECT a.username, a.email, a.name, m.role,
       (SELECT s.expires_at FROM sessions s
         WHERE s.id = $3 AND s.account_id + 0 = a.id AND s.epoch = a.credentials_version
           AND s.ended_at IS NULL AND s.expires_at > $4) AS session_expires_at,
       a.credentials_version
  FROM accounts a
  LEFT JOIN members m ON m.organization_id = $2 AND m.account_id = a.id
 WHERE a.id = $1;
