-- Statements about text keys and their version, for app/store/keys.c, app/store/rekey.c and
-- app/service/rekey_plan.c. The number in text_keys_share and text_keys_claim is the key of one
-- advisory lock, "keys" in ASCII.

-- name: text_keys_get
SELECT version, target, position_table, position_id FROM text_keys;

-- 1 if the table exists.
-- name: text_keys_exist sqlite
SELECT count(*) AS count FROM sqlite_schema WHERE type = 'table' AND name = 'text_keys';

-- name: text_keys_exist postgres
SELECT count(*) AS count FROM pg_class WHERE oid = to_regclass('text_keys');

-- name: text_keys_set
UPDATE text_keys SET version = $1, target = $2, position_table = $3, position_id = $4;

-- Each session that may write text keys takes this lock, and keeps it until it ends.
-- name: text_keys_share postgres only
SELECT pg_advisory_lock_shared(1801812339) AS shared;

-- 1 if no other session can write text keys until the end of the transaction: no session has the
-- lock, and there is no session of an older program, which does not take the lock. DATABASE_URL may
-- have named the sessions of an older program, so all sessions of the same role count. Those of
-- this command on other hosts do not: they wait for each other.

-- name: text_keys_claim sqlite
SELECT 1 AS claimed;

-- name: text_keys_claim postgres
SELECT CASE WHEN pg_try_advisory_xact_lock(1801812339) AND NOT EXISTS (
           SELECT 1 FROM pg_stat_activity
            WHERE datname = current_database() AND backend_type = 'client backend'
              AND (usename = current_user OR application_name LIKE 'kontora-%')
              AND application_name <> current_setting('application_name'))
       THEN 1 ELSE 0 END AS claimed;

-- Without statistics of the tables, PostgreSQL would read all contacts of an organization to find
-- an address.
-- name: text_keys_analyze postgres only
ANALYZE accounts, activities, api_keys, contacts, deals, delegations, email_links, files,
        invitations, organizations, sessions, tasks, tokens;

-- Pages of each table: up to $2 rows with ids above $1. The statements with "duplicate" in their
-- names select only rows with a duplicate key, by the pattern $3.

-- define: account_rows
SELECT id, username, username_key, username_sort_key, email, email_key, name, folded
  FROM accounts WHERE id > $1

-- name: text_keys_accounts
@account_rows@ ORDER BY id LIMIT $2;

-- name: text_keys_accounts_duplicate
@account_rows@ AND (username_key LIKE $3 OR email_key LIKE $3) ORDER BY id LIMIT $2;

-- name: text_keys_accounts_set
UPDATE accounts SET username_key = $2, username_sort_key = $3, email_key = $4, folded = $5
 WHERE id = $1;

-- Find the row that has a key, with the text that its true key is computed from. All statements
-- with "by" in their names have the same columns.
-- name: text_keys_accounts_by_username
SELECT id, username AS text FROM accounts WHERE username_key = $1;

-- name: text_keys_accounts_by_email
SELECT id, email AS text FROM accounts WHERE email_key = $1;

-- name: text_keys_accounts_set_username
UPDATE accounts SET username_key = $2 WHERE id = $1;

-- name: text_keys_accounts_set_email
UPDATE accounts SET email_key = $2 WHERE id = $1;

-- name: text_keys_sessions
SELECT id, username, username_key FROM sessions WHERE id > $1 ORDER BY id LIMIT $2;

-- name: text_keys_sessions_set
UPDATE sessions SET username_key = $2 WHERE id = $1;

-- define: invitation_rows
SELECT id, organization_id, email, email_key, folded FROM invitations WHERE id > $1

-- name: text_keys_invitations
@invitation_rows@ ORDER BY id LIMIT $2;

-- name: text_keys_invitations_duplicate
@invitation_rows@ AND email_key LIKE $3 ORDER BY id LIMIT $2;

-- name: text_keys_invitations_by_email
SELECT id, email AS text FROM invitations WHERE email_key = $1 AND organization_id = $2;

-- name: text_keys_invitations_set_email
UPDATE invitations SET email_key = $2 WHERE id = $1;

-- name: text_keys_invitations_set
UPDATE invitations SET email_key = $2, folded = $3 WHERE id = $1;

-- name: text_keys_delegations
SELECT id, principal, principal_name, scope, rights, fields, created_by, folded
  FROM delegations WHERE id > $1 ORDER BY id LIMIT $2;

-- name: text_keys_delegations_set
UPDATE delegations SET folded = $2 WHERE id = $1;

-- define: email_link_rows
SELECT id, email, email_key, folded FROM email_links WHERE id > $1

-- name: text_keys_email_links
@email_link_rows@ ORDER BY id LIMIT $2;

-- name: text_keys_email_links_duplicate
@email_link_rows@ AND email_key LIKE $3 ORDER BY id LIMIT $2;

-- name: text_keys_email_links_by_email
SELECT id, email AS text FROM email_links WHERE email_key = $1;

-- name: text_keys_email_links_set_email
UPDATE email_links SET email_key = $2 WHERE id = $1;

-- name: text_keys_email_links_set
UPDATE email_links SET email_key = $2, folded = $3 WHERE id = $1;

-- name: text_keys_contacts
SELECT id, organization_id, name, name_sort_key, email, email_key, email_unique_key, phone, company,
       search_text, deleted_at, position, notes, folded
  FROM contacts WHERE id > $1 ORDER BY id LIMIT $2;

-- name: text_keys_contacts_set
UPDATE contacts
   SET name_sort_key = $2, email_key = $3, email_unique_key = $4, search_text = $5, folded = $6
 WHERE id = $1;

-- name: text_keys_contacts_by_email
SELECT id, email AS text FROM contacts
 WHERE email_unique_key = $1 AND organization_id = $2 AND deleted_at IS NULL;

-- name: text_keys_contacts_set_email
UPDATE contacts SET email_unique_key = $2 WHERE id = $1;

-- name: text_keys_files
SELECT id, original_name, search_text, scope, name, content_type, md5, tags, folded
  FROM files WHERE id > $1 ORDER BY id LIMIT $2;

-- name: text_keys_files_set
UPDATE files SET search_text = $2, folded = $3 WHERE id = $1;

-- Tables whose rows have no other text keys than the folded texts. The columns after `folded` are
-- these texts.

-- name: text_keys_organizations
SELECT id, folded, name, currency FROM organizations WHERE id > $1 ORDER BY id LIMIT $2;

-- name: text_keys_organizations_set
UPDATE organizations SET folded = $2 WHERE id = $1;

-- name: text_keys_tokens
SELECT id, folded, purpose FROM tokens WHERE id > $1 ORDER BY id LIMIT $2;

-- name: text_keys_tokens_set
UPDATE tokens SET folded = $2 WHERE id = $1;

-- name: text_keys_deals
SELECT id, folded, title, description, lost_reason FROM deals
 WHERE id > $1 ORDER BY id LIMIT $2;

-- name: text_keys_deals_set
UPDATE deals SET folded = $2 WHERE id = $1;

-- name: text_keys_tasks
SELECT id, folded, title, description FROM tasks WHERE id > $1 ORDER BY id LIMIT $2;

-- name: text_keys_tasks_set
UPDATE tasks SET folded = $2 WHERE id = $1;

-- name: text_keys_activities
SELECT id, folded, subject, description, old_status, new_status FROM activities
 WHERE id > $1 ORDER BY id LIMIT $2;

-- name: text_keys_activities_set
UPDATE activities SET folded = $2 WHERE id = $1;

-- name: text_keys_api_keys
SELECT id, folded, name, scopes, prefix, username FROM api_keys WHERE id > $1 ORDER BY id LIMIT $2;

-- name: text_keys_api_keys_set
UPDATE api_keys SET folded = $2 WHERE id = $1;
