-- Tables that clients create through the Iceberg catalogue, and the snapshots that they commit.
-- +goose Up

CREATE TABLE iceberg_tables (
    dataset_id uuid PRIMARY KEY REFERENCES datasets ON DELETE CASCADE,
    schema     jsonb, -- of the table before its first version; null: the table was not created through the catalogue
    properties jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE iceberg_snapshots (
    dataset_id  uuid NOT NULL REFERENCES datasets ON DELETE CASCADE,
    version     int NOT NULL,    -- which may have expired: manifests of later versions still name its snapshot
    snapshot_id bigint NOT NULL, -- as chosen by the client
    PRIMARY KEY (dataset_id, version),
    CONSTRAINT iceberg_snapshots_snapshot_id UNIQUE (dataset_id, snapshot_id)
);
