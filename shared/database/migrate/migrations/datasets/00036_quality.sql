-- Contracts of data sets, and the results of checking versions against them.
-- +goose Up

-- A version that fails its contract is blocked: its table is kept, and no query sees it.
ALTER TABLE datasets
    ADD COLUMN quality_of uuid REFERENCES datasets ON DELETE SET NULL, -- the data set whose failing rows this one holds
    DROP CONSTRAINT datasets_status_check,
    ADD CONSTRAINT datasets_status_check CHECK (status IN ('draft', 'processing', 'ready', 'failed', 'blocked'));
CREATE UNIQUE INDEX datasets_quality_of ON datasets (quality_of) WHERE quality_of IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX datasets_of_failures ON datasets (quality_of) WHERE quality_of IS NOT NULL; -- of any state: for disposal, and for the foreign key

ALTER TABLE dataset_versions
    DROP CONSTRAINT dataset_versions_status_check,
    ADD CONSTRAINT dataset_versions_status_check CHECK (status IN ('processing', 'ready', 'failed', 'expired', 'blocked'));

CREATE TABLE dataset_contracts (
    dataset_id uuid NOT NULL REFERENCES datasets ON DELETE CASCADE,
    revision   int NOT NULL,
    contract   json NOT NULL,  -- quality.Contract; not jsonb, which refuses \u0000
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (dataset_id, revision)
);

CREATE TABLE dataset_quality (
    dataset_id       uuid NOT NULL,
    version          int NOT NULL,
    id               uuid NOT NULL UNIQUE,  -- UUIDv7 of the latest check, which orders the history
    revision         int NOT NULL,          -- of the contract
    score            float8,                -- NULL: no rule was evaluated
    results          json NOT NULL,         -- []quality.Result
    failures_dataset uuid REFERENCES datasets ON DELETE SET NULL,
    failures_version int,                   -- the version of that data set with the failing rows; NULL: there are none
    checked_at       timestamptz NOT NULL DEFAULT now(),
    accepted_by      uuid,                  -- who let the blocked version become ready
    accepted_at      timestamptz,
    accepted_reason  text,
    PRIMARY KEY (dataset_id, version),
    FOREIGN KEY (dataset_id, version) REFERENCES dataset_versions ON DELETE CASCADE,
    FOREIGN KEY (dataset_id, revision) REFERENCES dataset_contracts ON DELETE CASCADE,
    CHECK (num_nulls(accepted_by, accepted_at, accepted_reason) IN (0, 3))
);
CREATE INDEX dataset_quality_failures ON dataset_quality (failures_dataset) WHERE failures_dataset IS NOT NULL;
