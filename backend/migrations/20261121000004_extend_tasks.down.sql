-- Removes what a task says beyond its title.
ALTER TABLE tasks
    DROP COLUMN search, DROP COLUMN reminded_for, DROP COLUMN updated_at, DROP COLUMN created_by,
    DROP COLUMN assignee_id, DROP COLUMN due_on, DROP COLUMN private, DROP COLUMN notes;
