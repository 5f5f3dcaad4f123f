-- Tokens that expire. What clients hold is kept nowhere: digest is the beginning of its HMAC-SHA256 under
-- SECRET_KEY, 16 bytes. An id is never given twice, so that what is said of one is of no other.

-- up

CREATE TABLE tokens (
-- only sqlite
    id INTEGER PRIMARY KEY AUTOINCREMENT,
-- only postgres
    id @id@,
-- both
    digest @bytes@ NOT NULL,
    purpose TEXT,
    max_uses @integer@, -- null: any number
    uses @integer@ NOT NULL, -- those of tokens without max_uses come some seconds late
    created_at @integer@ NOT NULL,
    expires_at @integer@ NOT NULL -- the first moment at which it is not valid
) @strict@;
CREATE UNIQUE INDEX tokens_digest ON tokens (digest);
CREATE INDEX tokens_by_expiry ON tokens (expires_at, id);

-- down

DROP TABLE tokens;
