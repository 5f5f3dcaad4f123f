-- Networks from which somebody has logged in: failures of others do not keep these out. Everything is a keyed
-- digest, for the table would tell who works from where.

-- up

CREATE TABLE login_sources (
    source_key @bytes@ NOT NULL, -- of who and where
    subject_key @bytes@ NOT NULL, -- of who
    seen_at @integer@ NOT NULL
) @strict@;
CREATE UNIQUE INDEX login_sources_source_key ON login_sources (source_key);
CREATE INDEX login_sources_by_subject ON login_sources (subject_key, seen_at);
CREATE INDEX login_sources_by_age ON login_sources (seen_at);

-- down

DROP TABLE login_sources;
