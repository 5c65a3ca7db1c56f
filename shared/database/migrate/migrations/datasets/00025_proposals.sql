-- Changes of main that a second person approves.
-- +goose Up

ALTER TABLE datasets ADD COLUMN protected bool NOT NULL DEFAULT false; -- only approved proposals change main

CREATE TABLE dataset_proposals (
    id             uuid PRIMARY KEY,
    dataset_id     uuid NOT NULL REFERENCES datasets ON DELETE CASCADE,
    branch         text NOT NULL,
    version        int NOT NULL,      -- of the branch, as proposed
    key_columns    text[],            -- to merge by; NULL: the version takes the place of main's
    prefer         text,
    message        text NOT NULL,
    status         text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'approved', 'rejected', 'withdrawn')),
    created_by     uuid NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    decided_by     uuid,
    decided_at     timestamptz,
    reason         text,
    merged_version int                -- of main, once approved
);
CREATE UNIQUE INDEX dataset_proposals_open ON dataset_proposals (dataset_id, branch) WHERE status = 'open';
CREATE INDEX dataset_proposals_dataset ON dataset_proposals (dataset_id, id);
