-- The queue of background jobs. A job is never lost: it is written with the change that asks for it, and a worker only leases it.
CREATE TABLE jobs (
    id            uuid        PRIMARY KEY,
    kind          text        NOT NULL,
    -- Queued jobs of one kind with the same key are one piece of work: whoever claims one of them takes the others with it.
    coalesce_key  text,
    payload       jsonb       NOT NULL DEFAULT '{}',
    state         text        NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'failed')),
    -- Counts claims, so that a job that kills its worker runs out of attempts as well.
    attempts      integer     NOT NULL DEFAULT 0,
    max_attempts  integer     NOT NULL DEFAULT 10 CHECK (max_attempts > 0),
    -- When a worker may take it: the start time of a queued job, the end of the lease of a running one.
    claimable_at  timestamptz NOT NULL DEFAULT now(),
    -- Whose lease it is: a worker that lost its lease can no longer change the job.
    lease         uuid,
    last_error    text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    finished_at   timestamptz,
    CHECK ((state = 'running') = (lease IS NOT NULL)),
    CHECK ((state IN ('done', 'failed')) = (finished_at IS NOT NULL))
);

CREATE INDEX jobs_claimable ON jobs (claimable_at, id) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_coalesce ON jobs (kind, coalesce_key) WHERE state = 'queued' AND coalesce_key IS NOT NULL;
CREATE INDEX jobs_done ON jobs (finished_at) WHERE state = 'done';
CREATE INDEX jobs_failed ON jobs (finished_at) WHERE state = 'failed';
