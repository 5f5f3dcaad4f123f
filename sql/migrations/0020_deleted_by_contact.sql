-- The deleted rows that refer to a contact: a merge lets them refer to the other contact.

-- up

CREATE INDEX deals_deleted_by_contact ON deals (organization_id, contact_id, id)
    WHERE deleted_at IS NOT NULL;
CREATE INDEX tasks_deleted_by_contact ON tasks (organization_id, contact_id, id)
    WHERE deleted_at IS NOT NULL;
CREATE INDEX activities_deleted_by_contact ON activities (organization_id, contact_id, id)
    WHERE deleted_at IS NOT NULL;

-- down

DROP INDEX activities_deleted_by_contact;
DROP INDEX tasks_deleted_by_contact;
DROP INDEX deals_deleted_by_contact;
