-- Lineage: from which versions and columns each version was made, and data sets whose versions are made by a query.
-- +goose Up

ALTER TABLE dataset_versions DROP CONSTRAINT dataset_versions_operation,
    ADD CONSTRAINT dataset_versions_operation CHECK (operation IN ('replace', 'append', 'upsert', 'delete', 'restore', 'merge', 'derive')),
    ADD COLUMN query text; -- of a derived version

-- Data sets whose next versions are made by a query over others.
CREATE TABLE dataset_derivations (
    dataset_id uuid PRIMARY KEY REFERENCES datasets ON DELETE CASCADE,
    query      text NOT NULL,
    changed_by uuid NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE derivation_inputs (
    dataset_id       uuid NOT NULL REFERENCES dataset_derivations ON DELETE CASCADE,
    name             text NOT NULL, -- in the query
    input_dataset_id uuid NOT NULL,
    ref              text,          -- the version that the query names as table@ref; NULL: the current one
    PRIMARY KEY (dataset_id, name)
);
CREATE INDEX derivation_inputs_input ON derivation_inputs (input_dataset_id);

-- The versions from which a version was made. Rows stay when the input is removed.
CREATE TABLE version_inputs (
    dataset_id       uuid NOT NULL,
    version          int NOT NULL,
    name             text NOT NULL, -- of a derived version: in its query; of another one: 'base' or 'source'
    input_dataset_id uuid NOT NULL,
    input_version    int,           -- NULL: there was none, so that the version has failed
    PRIMARY KEY (dataset_id, version, name),
    FOREIGN KEY (dataset_id, version) REFERENCES dataset_versions ON DELETE CASCADE
);
CREATE INDEX version_inputs_input ON version_inputs (input_dataset_id, input_version);

-- The columns that determine the columns of a derived version. Columns of other versions come from the columns of the same
-- name.
CREATE TABLE version_column_inputs (
    dataset_id     uuid NOT NULL,
    version        int NOT NULL,
    column_name    text NOT NULL, -- empty: the input decides which rows there are
    name           text NOT NULL, -- of version_inputs
    input_column   text NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('DIRECT', 'INDIRECT')),
    transformation text NOT NULL, -- IDENTITY, TRANSFORMATION, AGGREGATION; JOIN, GROUP_BY, FILTER, SORT, WINDOW, CONDITIONAL
    PRIMARY KEY (dataset_id, version, column_name, name, input_column, transformation),
    FOREIGN KEY (dataset_id, version, name) REFERENCES version_inputs ON DELETE CASCADE
);

INSERT INTO version_inputs (dataset_id, version, name, input_dataset_id, input_version)
SELECT dataset_id, version, name, dataset_id, input
FROM dataset_versions CROSS JOIN LATERAL (VALUES
    ('base', CASE WHEN operation IN ('append', 'upsert', 'delete', 'merge') THEN base_version END),
    ('source', CASE WHEN operation IN ('merge', 'restore') THEN source_version END)) i (name, input)
WHERE input IS NOT NULL AND status IN ('ready', 'expired');
