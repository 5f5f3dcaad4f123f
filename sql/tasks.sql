-- Statements about tasks, for app/resources/tasks.c.

-- define: task_columns
t.id, t.title, t.description, t.status, t.due_date, t.overdue_from, t.assignee_id, t.contact_id,
       t.deal_id, t.creator_id, t.completed_at, t.created_at, t.updated_at, t.version, t.deleted_at,
       t.due_key

-- name: tasks_get
SELECT @task_columns@ FROM tasks t WHERE t.organization_id = $1 AND t.id = $2;

-- name: tasks_list
SELECT @task_columns@ FROM tasks t WHERE t.organization_id = $1 AND t.deleted_at IS NULL;

-- name: tasks_count
SELECT count(*) AS count FROM tasks t WHERE t.organization_id = $1 AND t.deleted_at IS NULL;

-- name: tasks_insert
INSERT INTO tasks (organization_id, created_at, updated_at, title, description, status, due_date,
                   overdue_from, assignee_id, contact_id, deal_id, creator_id, completed_at,
                   folded)
VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
RETURNING id;

-- name: tasks_update
UPDATE tasks
   SET updated_at = $2, version = version + 1, deleted_at = $4, title = $5, description = $6,
       status = $7, due_date = $8, overdue_from = $9, assignee_id = $10, contact_id = $11,
       deal_id = $12, creator_id = $13, completed_at = $14, folded = $15
 WHERE organization_id = $1 AND id = $3;

-- Number of tasks that are overdue at $4 (now): the counters of the days before today, whose names
-- are less than $2, plus the tasks that became overdue after $3 (midnight).
-- name: tasks_overdue
SELECT CAST(coalesce((SELECT sum(value) FROM counters
                       WHERE organization_id = $1 AND name >= 'tasks.due.' AND name < $2), 0)
            + (SELECT count(*) FROM tasks
                WHERE organization_id = $1 AND overdue_from > $3 AND overdue_from <= $4
                  AND status <> 'DONE' AND deleted_at IS NULL) AS BIGINT) AS count;

-- Analytics of the tasks created in the period from $2 to before $3; $4 is the current time.

-- define: task_figures
count(*) AS total, count(CASE WHEN status = 'TODO' THEN 1 END) AS to_do,
       count(CASE WHEN status = 'IN_PROGRESS' THEN 1 END) AS in_progress,
       count(CASE WHEN status = 'DONE' THEN 1 END) AS done,
       count(CASE WHEN status <> 'DONE' AND overdue_from <= $4 THEN 1 END) AS overdue

-- name: tasks_figures
SELECT @task_figures@ FROM tasks
 WHERE organization_id = $1 AND created_at >= $2 AND created_at < $3 AND deleted_at IS NULL;

-- contacts_figures_of_owner (contacts.sql) explains the unary +.
-- name: tasks_figures_of_assignee
SELECT @task_figures@ FROM tasks
 WHERE organization_id = $1 AND +created_at >= $2 AND +created_at < $3 AND assignee_id = $5
   AND deleted_at IS NULL;
