-- The greatest cost among the bcrypt hashes of passwords ("$2b$12$…"), found without reading all accounts: a
-- refused login takes as long as one for the account with that hash.

-- up

CREATE INDEX accounts_by_password_cost ON accounts (substr(password_hash, 5, 2))
 WHERE substr(password_hash, 2, 1) = '2';

-- down

DROP INDEX accounts_by_password_cost;
