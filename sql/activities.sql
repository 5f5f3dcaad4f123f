-- Statements about activities, for app/resources/activities.c, app/rest/activities.c.

-- define: activity_columns
a.id, a.type, a.subject, a.description, a.contact_id, a.deal_id, a.author_id, a.occurred_at,
       a.automatic, a.old_status, a.new_status, a.created_at, a.updated_at, a.version, a.deleted_at

-- name: activities_get
SELECT @activity_columns@ FROM activities a WHERE a.organization_id = $1 AND a.id = $2;

-- name: activities_list
SELECT @activity_columns@ FROM activities a WHERE a.organization_id = $1 AND a.deleted_at IS NULL;

-- name: activities_count
SELECT count(*) AS count FROM activities a WHERE a.organization_id = $1 AND a.deleted_at IS NULL;

-- name: activities_insert
INSERT INTO activities (organization_id, created_at, updated_at, type, subject, description,
                        contact_id, deal_id, author_id, occurred_at, automatic, old_status,
                        new_status, folded)
VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
RETURNING id;

-- name: activities_update
UPDATE activities
   SET updated_at = $2, version = version + 1, deleted_at = $4, type = $5, subject = $6,
       description = $7, contact_id = $8, deal_id = $9, author_id = $10, occurred_at = $11,
       automatic = $12, old_status = $13, new_status = $14, folded = $15
 WHERE organization_id = $1 AND id = $3;

-- Analytics of the activities that occurred in the period from $2 to before $3.

-- define: activity_figures
count(*) AS total, count(CASE WHEN type = 'CALL' THEN 1 END) AS calls,
       count(CASE WHEN type = 'EMAIL' THEN 1 END) AS emails,
       count(CASE WHEN type = 'MEETING' THEN 1 END) AS meetings,
       count(CASE WHEN type = 'NOTE' THEN 1 END) AS notes

-- name: activities_figures
SELECT @activity_figures@ FROM activities
 WHERE organization_id = $1 AND occurred_at >= $2 AND occurred_at < $3 AND deleted_at IS NULL;

-- contacts_figures_of_owner (contacts.sql) explains the unary +.
-- name: activities_figures_of_author
SELECT @activity_figures@ FROM activities
 WHERE organization_id = $1 AND +occurred_at >= $2 AND +occurred_at < $3 AND author_id = $4
   AND deleted_at IS NULL;
