-- Files: what people attach to tasks, and what they export. The bytes lie in the media volume, under names made of the ids.
CREATE TABLE attachments (
    id           uuid        PRIMARY KEY,
    task_id      uuid        NOT NULL REFERENCES tasks ON DELETE CASCADE,
    -- Shown and offered for saving; never part of a path.
    name         text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 255),
    content_type text        NOT NULL,
    bytes        bigint      NOT NULL CHECK (bytes >= 0),
    sha256       text        NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    created_by   uuid        REFERENCES users ON DELETE SET NULL,
    created_at   timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX attachments_task ON attachments (task_id, id);

CREATE TABLE exports (
    id          uuid        PRIMARY KEY,
    user_id     uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    state       text        NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'failed')),
    rows_done   bigint      NOT NULL DEFAULT 0,
    rows_total  bigint,
    created_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);

CREATE INDEX exports_user ON exports (user_id, id);

-- When each recurring job is due next. Whichever worker moves the time on enqueues the job, in the same transaction.
CREATE TABLE schedules (
    kind    text        PRIMARY KEY,
    next_at timestamptz NOT NULL DEFAULT now()
);
