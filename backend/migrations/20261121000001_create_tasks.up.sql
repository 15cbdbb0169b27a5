-- The task board: tasks, and the figures over them that the worker keeps.
CREATE TABLE tasks (
    id           uuid        PRIMARY KEY,
    title        text        NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
    -- Grows with every change, so that readers can tell which of two copies is newer.
    version      bigint      NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    completed_at timestamptz
);

-- The order of the board, read backwards: open tasks first (their completed_at is null), newest first.
CREATE INDEX tasks_board_order ON tasks (completed_at, id);

-- One row for the whole board.
CREATE TABLE board_stats (
    id               boolean     PRIMARY KEY DEFAULT true CHECK (id),
    open             bigint      NOT NULL DEFAULT 0,
    done             bigint      NOT NULL DEFAULT 0,
    created          bigint      NOT NULL DEFAULT 0,
    last_activity_at timestamptz,
    updated_at       timestamptz
);

INSERT INTO board_stats DEFAULT VALUES;
