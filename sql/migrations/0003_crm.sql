-- Customers: contacts, deals, tasks, activities, and the counters behind their totals.
-- Times are milliseconds since the epoch, dates are texts such as 2026-11-20, money is in minor units.
-- NAME_key is what NAME is sorted by: never null, what is missing stands last.
-- deleted_at is null in what is not hidden. Each index of a list begins with the organization and goes on
-- with an order and the id, which tells apart what is equal; columns behind that are there so that
-- totals and analytics need the index alone.

-- up

CREATE TABLE contacts (
    id @id@,
    organization_id @integer@ NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    name_key @key@ NOT NULL,
    email TEXT,
    email_key @key@,
    email_unique_key @key@, -- email_key, or null where the same address was allowed twice
    phone TEXT,
    company TEXT,
    position TEXT,
    notes TEXT,
    owner_id @integer@ REFERENCES accounts (id),
    search_text TEXT NOT NULL, -- words of name, email, phone and company: collection/search.h
    created_at @integer@ NOT NULL,
    updated_at @integer@ NOT NULL,
    version @integer@ NOT NULL DEFAULT 1,
    deleted_at @integer@
) @strict@;
CREATE UNIQUE INDEX contacts_organization_id_email_unique_key
    ON contacts (organization_id, email_unique_key) WHERE deleted_at IS NULL;
CREATE INDEX contacts_by_email ON contacts (organization_id, email_key, id) WHERE deleted_at IS NULL;
CREATE INDEX contacts_by_id ON contacts (organization_id, id) WHERE deleted_at IS NULL;
CREATE INDEX contacts_by_name ON contacts (organization_id, name_key, id) WHERE deleted_at IS NULL;
CREATE INDEX contacts_by_owner ON contacts (organization_id, owner_id, id, created_at, deleted_at)
    WHERE deleted_at IS NULL;
CREATE INDEX contacts_by_time ON contacts (organization_id, created_at, id, deleted_at)
    WHERE deleted_at IS NULL;

-- Substrings, by all their parts of three characters. What is hidden is not in it. On SQLite an entry of
-- its own for each contact would cost more than all the rest, so those that are new wait in
-- contacts_unindexed until the transaction is committed, and enter together: contacts_index.
-- only sqlite
CREATE VIRTUAL TABLE contacts_search USING fts5 (
    search_text, content = 'contacts', content_rowid = 'id', tokenize = 'trigram case_sensitive 1');
CREATE TABLE contacts_unindexed (id INTEGER PRIMARY KEY) STRICT;
CREATE TRIGGER contacts_search_insert AFTER INSERT ON contacts WHEN new.deleted_at IS NULL BEGIN
    INSERT INTO contacts_unindexed (id) VALUES (new.id);
END;
CREATE TRIGGER contacts_search_update AFTER UPDATE OF search_text, deleted_at ON contacts
WHEN new.search_text <> old.search_text OR (new.deleted_at IS NULL) <> (old.deleted_at IS NULL) BEGIN
    INSERT INTO contacts_search (contacts_search, rowid, search_text)
    SELECT 'delete', old.id, old.search_text
     WHERE old.deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM contacts_unindexed WHERE id = old.id);
    INSERT OR IGNORE INTO contacts_unindexed (id) SELECT new.id WHERE new.deleted_at IS NULL;
END;
CREATE TRIGGER contacts_search_delete AFTER DELETE ON contacts WHEN old.deleted_at IS NULL BEGIN
    INSERT INTO contacts_search (contacts_search, rowid, search_text)
    SELECT 'delete', old.id, old.search_text
     WHERE NOT EXISTS (SELECT 1 FROM contacts_unindexed WHERE id = old.id);
END;
-- only postgres
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE INDEX contacts_search ON contacts USING gin (search_text gin_trgm_ops)
    WHERE deleted_at IS NULL;
-- both

CREATE TABLE deals (
    id @id@,
    organization_id @integer@ NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    title TEXT NOT NULL,
    amount @integer@ NOT NULL,
    status TEXT NOT NULL,
    outcome TEXT, -- WON or LOST, also when it is closed; null before
    contact_id @integer@ REFERENCES contacts (id),
    owner_id @integer@ REFERENCES accounts (id),
    description TEXT,
    expected_close_date TEXT,
    close_key @key@ NOT NULL GENERATED ALWAYS AS (coalesce(expected_close_date, '~')) STORED,
    lost_reason TEXT,
    closed_at @integer@,
    created_at @integer@ NOT NULL,
    updated_at @integer@ NOT NULL,
    version @integer@ NOT NULL DEFAULT 1,
    deleted_at @integer@
) @strict@;
CREATE INDEX deals_by_id ON deals (organization_id, id) WHERE deleted_at IS NULL;
CREATE INDEX deals_by_status ON deals (organization_id, status, id, deleted_at)
    WHERE deleted_at IS NULL;
CREATE INDEX deals_by_contact ON deals (organization_id, contact_id, id, deleted_at)
    WHERE deleted_at IS NULL;
CREATE INDEX deals_by_amount ON deals (organization_id, amount, id) WHERE deleted_at IS NULL;
CREATE INDEX deals_by_expected_close ON deals (organization_id, close_key, id)
    WHERE deleted_at IS NULL;
CREATE INDEX deals_by_owner
    ON deals (organization_id, owner_id, id, created_at, status, outcome, amount, deleted_at)
    WHERE deleted_at IS NULL;
CREATE INDEX deals_by_time
    ON deals (organization_id, created_at, id, status, outcome, amount, deleted_at)
    WHERE deleted_at IS NULL;

CREATE TABLE tasks (
    id @id@,
    organization_id @integer@ NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    title TEXT NOT NULL,
    description TEXT,
    status TEXT NOT NULL,
    due_date TEXT, -- a date or a time, as it is answered
    overdue_from @integer@, -- the first moment at which it is overdue
    due_key @integer@ NOT NULL
        GENERATED ALWAYS AS (coalesce(overdue_from, 9223372036854775807)) STORED,
    assignee_id @integer@ REFERENCES accounts (id),
    contact_id @integer@ REFERENCES contacts (id),
    deal_id @integer@ REFERENCES deals (id),
    creator_id @integer@ REFERENCES accounts (id),
    completed_at @integer@,
    created_at @integer@ NOT NULL,
    updated_at @integer@ NOT NULL,
    version @integer@ NOT NULL DEFAULT 1,
    deleted_at @integer@
) @strict@;
CREATE INDEX tasks_by_id ON tasks (organization_id, id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_by_status ON tasks (organization_id, status, id, deleted_at)
    WHERE deleted_at IS NULL;
CREATE INDEX tasks_by_contact ON tasks (organization_id, contact_id, id, deleted_at)
    WHERE deleted_at IS NULL;
CREATE INDEX tasks_by_deal ON tasks (organization_id, deal_id, id, deleted_at)
    WHERE deleted_at IS NULL;
CREATE INDEX tasks_by_due ON tasks (organization_id, due_key, id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_by_assignee
    ON tasks (organization_id, assignee_id, id, created_at, status, overdue_from, deleted_at)
    WHERE deleted_at IS NULL;
CREATE INDEX tasks_by_time
    ON tasks (organization_id, created_at, id, status, overdue_from, deleted_at)
    WHERE deleted_at IS NULL;
CREATE INDEX tasks_open ON tasks (organization_id, overdue_from, status, deleted_at)
    WHERE deleted_at IS NULL AND status <> 'DONE';

CREATE TABLE activities (
    id @id@,
    organization_id @integer@ NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    type TEXT NOT NULL,
    subject TEXT NOT NULL,
    description TEXT,
    contact_id @integer@ REFERENCES contacts (id),
    deal_id @integer@ REFERENCES deals (id),
    author_id @integer@ REFERENCES accounts (id),
    occurred_at @integer@ NOT NULL,
    automatic @integer@ NOT NULL,
    old_status TEXT, -- of the deal, where the activity tells that it changed
    new_status TEXT,
    created_at @integer@ NOT NULL,
    updated_at @integer@ NOT NULL,
    version @integer@ NOT NULL DEFAULT 1,
    deleted_at @integer@
) @strict@;
CREATE INDEX activities_by_id ON activities (organization_id, id) WHERE deleted_at IS NULL;
CREATE INDEX activities_by_type ON activities (organization_id, type, id, deleted_at)
    WHERE deleted_at IS NULL;
CREATE INDEX activities_by_contact ON activities (organization_id, contact_id, id, deleted_at)
    WHERE deleted_at IS NULL;
CREATE INDEX activities_by_deal ON activities (organization_id, deal_id, id, deleted_at)
    WHERE deleted_at IS NULL;
CREATE INDEX activities_by_author
    ON activities (organization_id, author_id, id, occurred_at, type, deleted_at)
    WHERE deleted_at IS NULL;
CREATE INDEX activities_by_time
    ON activities (organization_id, occurred_at, id, type, deleted_at) WHERE deleted_at IS NULL;

-- What is not counted when it is asked for: how many rows there are of a kind, and sums of amounts.
-- A counter is the sum of its slots, of which each change takes another one, so that two that write at
-- once on PostgreSQL seldom collide. collection/counters.h.
CREATE TABLE counters (
    organization_id @integer@ NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name @key@ NOT NULL, -- is looked for between two of them, as strcmp() has it
    slot @integer@ NOT NULL,
    value @integer@ NOT NULL
) @strict@;
CREATE UNIQUE INDEX counters_organization_id_name_slot ON counters (organization_id, name, slot);

-- down

-- The extension stays: others may use it.
DROP TABLE counters;
DROP TABLE activities;
DROP TABLE tasks;
DROP TABLE deals;
-- only sqlite
DROP TABLE contacts_unindexed;
DROP TABLE contacts_search;
-- both
DROP TABLE contacts;
