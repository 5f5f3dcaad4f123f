-- Who may log in, to which organizations they belong, and what their sessions and requests leave.
-- Times are milliseconds since the epoch. A column NAME_key holds NAME folded by the program, for
-- comparisons that ignore case. `version` counts the changes of a row.

-- up

CREATE TABLE accounts (
    id @id@,
    username TEXT NOT NULL,
    username_key TEXT NOT NULL,
    email TEXT,
    email_key TEXT,
    name TEXT NOT NULL,
    password_hash TEXT, -- null: cannot log in with a password
    created_at @integer@ NOT NULL,
    updated_at @integer@ NOT NULL,
    version @integer@ NOT NULL DEFAULT 1
) @strict@;
CREATE UNIQUE INDEX accounts_username_key ON accounts (username_key);
CREATE UNIQUE INDEX accounts_email_key ON accounts (email_key);

CREATE TABLE organizations (
    id @id@,
    name TEXT NOT NULL,
    currency TEXT NOT NULL, -- ISO 4217, three letters
    created_at @integer@ NOT NULL,
    updated_at @integer@ NOT NULL,
    version @integer@ NOT NULL DEFAULT 1
) @strict@;

CREATE TABLE members (
    organization_id @integer@ NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    account_id @integer@ NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    created_at @integer@ NOT NULL
) @strict@;
CREATE UNIQUE INDEX members_organization_id_account_id ON members (organization_id, account_id);
CREATE INDEX members_by_account ON members (account_id);

-- A refresh token each. Those that replaced one another are of one family, and end together.
CREATE TABLE sessions (
    id @id@,
    account_id @integer@ REFERENCES accounts (id) ON DELETE CASCADE, -- null: not one of accounts
    subject TEXT NOT NULL, -- whom its access tokens name
    family @bytes@ NOT NULL,
    digest @bytes@ NOT NULL, -- SHA-256 of the token, which is kept nowhere
    issued_at @integer@ NOT NULL,
    expires_at @integer@ NOT NULL,
    replaced_at @integer@, -- null: not used yet
    revoked_at @integer@ -- null: good until it expires
) @strict@;
CREATE UNIQUE INDEX sessions_digest ON sessions (digest);
CREATE INDEX sessions_by_family ON sessions (family);
CREATE INDEX sessions_by_account ON sessions (account_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- The answer to a request that was sent with an Idempotency-Key, for its repetitions.
CREATE TABLE idempotency_keys (
    id @id@,
    principal TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    request_digest @bytes@ NOT NULL,
    status @integer@, -- null: the request is under way
    answer @bytes@,
    created_at @integer@ NOT NULL
) @strict@;
CREATE UNIQUE INDEX idempotency_keys_principal_idempotency_key
    ON idempotency_keys (principal, idempotency_key);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- Wrong passwords by name. Names are digests: a password is sometimes typed in place of a name.
CREATE TABLE login_failures (
    name_key @bytes@ NOT NULL,
    failures @integer@ NOT NULL,
    until @integer@ NOT NULL -- no login before that
) @strict@;
CREATE UNIQUE INDEX login_failures_name_key ON login_failures (name_key);
CREATE INDEX login_failures_by_until ON login_failures (until);

-- down

DROP TABLE login_failures;
DROP TABLE idempotency_keys;
DROP TABLE sessions;
DROP TABLE members;
DROP TABLE organizations;
DROP TABLE accounts;
