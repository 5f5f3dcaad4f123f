-- The groups and users to whom delegations gave rights in a session of a directory user: their SIDs, each with a space
-- on both sides. A session ends when its user has left one of them.

-- up

ALTER TABLE sessions ADD COLUMN principals TEXT NOT NULL DEFAULT '';

-- down

ALTER TABLE sessions DROP COLUMN principals;
