-- Usage of files by owner: the quotas of all owners and of all files together are checked against it.

-- up

-- `scope` is that of files; `all` is all of them together, which is no scope.
CREATE TABLE file_usage (
    scope @key@ NOT NULL,
    files @integer@ NOT NULL,
    bytes @integer@ NOT NULL
) @strict@;
CREATE UNIQUE INDEX file_usage_scope ON file_usage (scope);
INSERT INTO file_usage (scope, files, bytes)
SELECT scope, count(*), CAST(sum(size) AS BIGINT) FROM files GROUP BY scope;
INSERT INTO file_usage (scope, files, bytes)
SELECT 'all', count(*), CAST(coalesce(sum(size), 0) AS BIGINT) FROM files;
DELETE FROM counters WHERE name = 'files.bytes';

-- down

INSERT INTO counters (organization_id, name, slot, value)
SELECT organization_id, 'files.bytes', 0, CAST(sum(size) AS BIGINT)
  FROM files WHERE organization_id IS NOT NULL GROUP BY organization_id;
DROP TABLE file_usage;
