-- How the values of columns are distributed, and missed freshness of contracts.
-- +goose Up

ALTER TABLE dataset_versions ADD COLUMN distribution json; -- NULL: prepared before there was one

-- One row for each time at which a data set became older than its contract says.
CREATE TABLE dataset_lateness (
    dataset_id uuid NOT NULL REFERENCES datasets ON DELETE CASCADE,
    due_at     timestamptz NOT NULL,               -- when a newer version should have been there
    version    int NOT NULL,                       -- the newest at that time; 0: none
    found_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (dataset_id, due_at)
);
