-- The rows of the audit that concern an object or a period in one organization, without those of
-- other organizations. Clients filter by ids without regard to case.

-- up

DROP INDEX audit_by_object;
CREATE INDEX audit_by_object ON audit (resource, lower(object_id), organization_id, id);
CREATE INDEX audit_by_organization_time ON audit (organization_id, at)
    WHERE organization_id IS NOT NULL;

-- down

DROP INDEX audit_by_organization_time;
DROP INDEX audit_by_object;
CREATE INDEX audit_by_object ON audit (resource, object_id, id);
