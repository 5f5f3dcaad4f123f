-- Membership by invitation, proofs of email addresses, and the default organization of an account. Existing
-- accounts keep their roles; their addresses are unproven until a link is used or an administrator confirms.

-- up

ALTER TABLE accounts ADD COLUMN email_verified_at @integer@; -- null: nobody has proved the address
ALTER TABLE accounts ADD COLUMN default_organization_id @integer@; -- null: none; else one of its memberships

-- Of an existing account: the oldest membership as OWNER, or else the oldest one. An account is older than every
-- membership that somebody else gave it, so its own organization comes first.
UPDATE accounts SET default_organization_id = (
    SELECT organization_id FROM members
     WHERE members.account_id = accounts.id
     ORDER BY CASE WHEN role = 'OWNER' THEN 0 ELSE 1 END, created_at, organization_id
     LIMIT 1);

-- Pending invitations. An id is never given twice, so that nobody accepts another one than they have seen.
CREATE TABLE invitations (
-- only sqlite
    id INTEGER PRIMARY KEY AUTOINCREMENT,
-- only postgres
    id @id@,
-- both
    organization_id @integer@ NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL,
    role TEXT NOT NULL,
    invited_by @integer@ NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    created_at @integer@ NOT NULL,
    expires_at @integer@ NOT NULL
) @strict@;
CREATE UNIQUE INDEX invitations_organization_id_email_key ON invitations (organization_id, email_key);
CREATE INDEX invitations_by_organization ON invitations (organization_id, id);
CREATE INDEX invitations_by_address ON invitations (email_key, id);
CREATE INDEX invitations_by_inviter ON invitations (invited_by, organization_id);
CREATE INDEX invitations_by_expiry ON invitations (expires_at);

-- One-use links that prove an address. Only the SHA-256 digest of the token is stored.
CREATE TABLE email_links (
-- only sqlite
    id INTEGER PRIMARY KEY AUTOINCREMENT,
-- only postgres
    id @id@,
-- both
    email TEXT NOT NULL,
    email_key TEXT NOT NULL,
    digest @bytes@ NOT NULL,
    created_at @integer@ NOT NULL,
    expires_at @integer@ NOT NULL
) @strict@;
CREATE UNIQUE INDEX email_links_email_key ON email_links (email_key);
CREATE UNIQUE INDEX email_links_digest ON email_links (digest);
CREATE INDEX email_links_by_expiry ON email_links (expires_at);

-- down

DROP TABLE email_links;
DROP TABLE invitations;
ALTER TABLE accounts DROP COLUMN default_organization_id;
ALTER TABLE accounts DROP COLUMN email_verified_at;
