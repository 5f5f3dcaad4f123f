-- The folded texts of each row, by which filters of lists compare: a JSON object (app/base/folded.h). Only the
-- program can compute them: those of existing rows are empty until `kontora migrate up` has done so.

-- up

ALTER TABLE accounts ADD COLUMN folded TEXT NOT NULL DEFAULT '{}';
ALTER TABLE organizations ADD COLUMN folded TEXT NOT NULL DEFAULT '{}';
ALTER TABLE invitations ADD COLUMN folded TEXT NOT NULL DEFAULT '{}';
ALTER TABLE email_links ADD COLUMN folded TEXT NOT NULL DEFAULT '{}';
ALTER TABLE tokens ADD COLUMN folded TEXT NOT NULL DEFAULT '{}';
ALTER TABLE contacts ADD COLUMN folded TEXT NOT NULL DEFAULT '{}';
ALTER TABLE deals ADD COLUMN folded TEXT NOT NULL DEFAULT '{}';
ALTER TABLE tasks ADD COLUMN folded TEXT NOT NULL DEFAULT '{}';
ALTER TABLE activities ADD COLUMN folded TEXT NOT NULL DEFAULT '{}';
ALTER TABLE files ADD COLUMN folded TEXT NOT NULL DEFAULT '{}';
UPDATE text_keys SET version = '', target = NULL;

-- down

ALTER TABLE files DROP COLUMN folded;
ALTER TABLE activities DROP COLUMN folded;
ALTER TABLE tasks DROP COLUMN folded;
ALTER TABLE deals DROP COLUMN folded;
ALTER TABLE contacts DROP COLUMN folded;
ALTER TABLE tokens DROP COLUMN folded;
ALTER TABLE email_links DROP COLUMN folded;
ALTER TABLE invitations DROP COLUMN folded;
ALTER TABLE organizations DROP COLUMN folded;
ALTER TABLE accounts DROP COLUMN folded;
