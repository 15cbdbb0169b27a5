-- What a task says beyond its title, who may see it, and how it is searched. Only additions with defaults: the version before goes on working.
ALTER TABLE tasks
    ADD COLUMN notes        text        NOT NULL DEFAULT '' CHECK (char_length(notes) <= 10000),
    -- Seen and changed only by its creator and its assignee.
    ADD COLUMN private      boolean     NOT NULL DEFAULT false,
    ADD COLUMN due_on       date,
    ADD COLUMN assignee_id  uuid        REFERENCES users ON DELETE SET NULL,
    ADD COLUMN created_by   uuid        REFERENCES users ON DELETE SET NULL,
    ADD COLUMN updated_at   timestamptz NOT NULL DEFAULT now(),
    -- The due date that somebody was reminded of: another date is worth another reminder.
    ADD COLUMN reminded_for date,
    -- No stemming: a board is written in any language, and names must be found as they are. Without the signs that glue words to host names,
    -- addresses and paths, the words in them are found, too.
    ADD COLUMN search       tsvector    NOT NULL GENERATED ALWAYS AS (to_tsvector('simple', translate(title || ' ' || notes, './@:_-', '      '))) STORED;

CREATE INDEX tasks_search ON tasks USING gin (search);
-- Filters of the board; each is read backwards, as `tasks_board_order` is.
CREATE INDEX tasks_assignee ON tasks (assignee_id, completed_at, id);
CREATE INDEX tasks_due ON tasks (due_on) WHERE completed_at IS NULL AND due_on IS NOT NULL;
CREATE INDEX tasks_created_by ON tasks (created_by);
