-- A session is a row of its own, bound to the credentials it was opened with, and its refresh tokens
-- are rows beside it, of which one is live. Sessions of before cannot be bound: they end once.

-- up

DROP TABLE sessions;
ALTER TABLE accounts ADD COLUMN credentials_version @integer@ NOT NULL DEFAULT 1;

CREATE TABLE sessions (
    id @bytes@ NOT NULL, -- the sid of its access tokens
    subject @key@ NOT NULL, -- of its access tokens
    account_id @integer@ REFERENCES accounts (id) ON DELETE CASCADE, -- null: not an account
    username TEXT NOT NULL, -- at the last login or refresh
    username_key TEXT NOT NULL,
    epoch @integer@ NOT NULL, -- of the credentials: accounts.credentials_version, pwdLastSet, or a digest
    administrator @integer@ NOT NULL, -- 1: opened by a member of LDAP_ADMIN_GROUP
    key_id @integer@ NOT NULL, -- names the JWT_SECRET_KEY of its last tokens
    address TEXT NOT NULL,
    device TEXT NOT NULL, -- User-Agent
    created_at @integer@ NOT NULL,
    last_seen_at @integer@ NOT NULL, -- the last login or refresh
    expires_at @integer@ NOT NULL, -- absolute; the time of its end if that is earlier
    ended_at @integer@ -- null: alive until it expires
) @strict@;
CREATE UNIQUE INDEX sessions_id ON sessions (id);
CREATE INDEX sessions_by_account ON sessions (account_id);
CREATE INDEX sessions_by_subject ON sessions (subject);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE refresh_tokens (
    digest @bytes@ NOT NULL, -- HMAC of the token under JWT_SECRET_KEY; the token is kept nowhere
    session_id @bytes@ NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    issued_at @integer@ NOT NULL,
    expires_at @integer@ NOT NULL,
    replaced_at @integer@ -- null: the live token of its session
) @strict@;
CREATE UNIQUE INDEX refresh_tokens_digest ON refresh_tokens (digest);
CREATE UNIQUE INDEX refresh_tokens_session_id ON refresh_tokens (session_id) WHERE replaced_at IS NULL;
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);

-- down

DROP TABLE refresh_tokens;
DROP TABLE sessions;
ALTER TABLE accounts DROP COLUMN credentials_version;

CREATE TABLE sessions (
    id @id@,
    account_id @integer@ REFERENCES accounts (id) ON DELETE CASCADE,
    subject TEXT NOT NULL,
    family @bytes@ NOT NULL,
    digest @bytes@ NOT NULL,
    issued_at @integer@ NOT NULL,
    expires_at @integer@ NOT NULL,
    replaced_at @integer@,
    revoked_at @integer@
) @strict@;
CREATE UNIQUE INDEX sessions_digest ON sessions (digest);
CREATE INDEX sessions_by_family ON sessions (family);
CREATE INDEX sessions_by_account ON sessions (account_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
