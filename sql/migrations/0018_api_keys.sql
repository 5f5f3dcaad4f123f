-- API keys: credentials of programs. A key belongs to the user who made it, and acts with the rights of that user.

-- up

CREATE TABLE api_keys (
-- only sqlite
    id INTEGER PRIMARY KEY AUTOINCREMENT,
-- only postgres
    id @id@,
-- both
    subject @key@ NOT NULL, -- of the maker, as in access tokens
    account_id @integer@ REFERENCES accounts (id) ON DELETE CASCADE, -- null: the maker is not an account
    organization_id @integer@, -- in which the key acts; null: none
    username TEXT NOT NULL, -- of the maker, when the key was created
    name TEXT NOT NULL,
    scopes TEXT NOT NULL, -- names, one in a line (app/base/scope.h)
    prefix TEXT NOT NULL, -- the first characters of the current secret
    created_at @integer@ NOT NULL,
    issued_at @integer@ NOT NULL, -- when the current secret was issued
    expires_at @integer@, -- null: never
    last_used_at @integer@, -- at most a minute before the last use; null: never
    last_used_from TEXT, -- the address
    folded TEXT NOT NULL,
    -- the keys of a member end with the membership
    CONSTRAINT api_keys_organization_id_fkey FOREIGN KEY (organization_id, account_id)
        REFERENCES members (organization_id, account_id) ON DELETE CASCADE
) @strict@;
CREATE INDEX api_keys_by_subject ON api_keys (subject, id);
CREATE INDEX api_keys_by_member ON api_keys (organization_id, account_id);
CREATE INDEX api_keys_by_account ON api_keys (account_id);
CREATE INDEX api_keys_by_issue ON api_keys (issued_at);
CREATE INDEX api_keys_by_expiry ON api_keys (expires_at);

-- The secrets of the keys: the current one, and replaced ones whose overlap has not ended. Only their SHA-256
-- digests are stored. Each request with a key finds its digest, so on SQLite the table itself is sorted by it.
CREATE TABLE api_key_secrets (
-- only sqlite
    digest @bytes@ NOT NULL PRIMARY KEY,
-- only postgres
    digest @bytes@ NOT NULL,
-- both
    key_id @integer@ NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    replaced_at @integer@, -- null: the current secret
    expires_at @integer@ -- the end of the overlap; null: the current secret
-- only sqlite
) @strict@, WITHOUT ROWID;
-- only postgres
) @strict@;
CREATE UNIQUE INDEX api_key_secrets_digest ON api_key_secrets (digest) INCLUDE (key_id, expires_at);
-- both
CREATE INDEX api_key_secrets_by_key ON api_key_secrets (key_id);
CREATE INDEX api_key_secrets_by_expiry ON api_key_secrets (expires_at);
CREATE INDEX api_key_secrets_by_replacement ON api_key_secrets (replaced_at);

-- down

DROP TABLE api_key_secrets;
DROP TABLE api_keys;
