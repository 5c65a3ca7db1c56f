-- Long work, one row per job; see package job.
-- +goose Up

CREATE TABLE jobs (
    id           uuid PRIMARY KEY,
    kind         text NOT NULL,                  -- the function that runs it
    key          text NOT NULL,                  -- the object of the work
    state        text NOT NULL DEFAULT 'available'
                 CHECK (state IN ('available', 'running', 'retryable', 'completed', 'cancelled', 'discarded')),
    source       text NOT NULL,                  -- of the event that starts it
    event_id     text NOT NULL,
    event        jsonb,                          -- CloudEvent, structured JSON; NULL once the job has ended
    attempt      int NOT NULL DEFAULT 0,
    max_attempts int NOT NULL,
    publications int NOT NULL DEFAULT 0,         -- by job.Rescue, since the last attempt
    holder       uuid,                           -- one attempt of one process
    due_at       timestamptz NOT NULL,           -- running: the end of the lease; otherwise when job.Rescue acts
    done         bigint NOT NULL DEFAULT 0,
    total        bigint NOT NULL DEFAULT 0,
    progress     text NOT NULL DEFAULT '',
    checkpoint   jsonb,
    failure      text,                           -- why the last attempt failed, for people to read
    created_at   timestamptz NOT NULL DEFAULT now(),
    started_at   timestamptz,                    -- of the last attempt
    finished_at  timestamptz,
    CONSTRAINT job_of_event UNIQUE (kind, source, event_id),
    CHECK ((event IS NULL) = (finished_at IS NOT NULL)),
    CHECK ((state = 'running') = (holder IS NOT NULL)),
    CHECK ((state IN ('completed', 'cancelled', 'discarded')) = (finished_at IS NOT NULL))
);
CREATE UNIQUE INDEX jobs_unfinished ON jobs (kind, key) WHERE finished_at IS NULL;
CREATE INDEX jobs_due ON jobs (due_at) WHERE finished_at IS NULL;
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;
