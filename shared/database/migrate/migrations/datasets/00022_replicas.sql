-- Copies of objects in the backup of their storage type.
-- +goose Up

-- Every object that a version has. Other objects are not replicated, and their copies are deleted.
CREATE VIEW stored_objects AS
    SELECT v.object_name AS name, d.storage_type FROM dataset_versions v JOIN datasets d ON d.id = v.dataset_id WHERE v.object_name IS NOT NULL
    UNION ALL
    SELECT v.table_name, d.storage_type FROM dataset_versions v JOIN datasets d ON d.id = v.dataset_id WHERE v.table_name IS NOT NULL;
CREATE INDEX dataset_versions_object ON dataset_versions (object_name);
CREATE INDEX dataset_versions_table ON dataset_versions (table_name) WHERE table_name IS NOT NULL;

-- A row exists before the first byte of its copy and is deleted after the copy, so that no copy is
-- forgotten.
CREATE TABLE object_replicas (
    object_name  text NOT NULL,
    store        text NOT NULL,                      -- the part of the backup's URL that identifies it
    storage_type text NOT NULL,
    sha256       bytea,                              -- of the stored bytes; NULL: not known before the copy
    wanted_at    timestamptz NOT NULL DEFAULT now(), -- since when the copy should exist
    verified_at  timestamptz,                        -- when the copy was read and found equal
    retired_at   timestamptz,                        -- since when the store is not configured
    unwanted_at  timestamptz,                        -- since when no version has the object
    PRIMARY KEY (object_name, store)
);
CREATE INDEX object_replicas_waiting ON object_replicas (wanted_at) WHERE verified_at IS NULL AND retired_at IS NULL AND unwanted_at IS NULL;
CREATE INDEX object_replicas_unwanted ON object_replicas (unwanted_at) WHERE unwanted_at IS NOT NULL;
CREATE INDEX object_replicas_retired ON object_replicas (retired_at) WHERE retired_at IS NOT NULL;

CREATE OR REPLACE VIEW published.metrics AS
    SELECT name, labels, sum(value) AS value FROM metric_counters GROUP BY name, labels
    UNION ALL
    SELECT 'datasets_total', jsonb_build_object('status', status), count(*)
    FROM datasets WHERE deleted_at IS NULL GROUP BY status
    UNION ALL
    SELECT 'audit_unsealed_seconds', '{"trail": "datasets"}', coalesce(extract(epoch FROM now() - min(at)), 0) FROM audit_entries WHERE seq IS NULL
    UNION ALL
    SELECT 'outbox_oldest_seconds', '{"database": "data_management_db"}', coalesce(extract(epoch FROM now() - (SELECT created_at FROM outbox ORDER BY id LIMIT 1)), 0)
    UNION ALL
    SELECT 'data_replication_lag_seconds', '{}', coalesce(extract(epoch FROM now() - min(wanted_at)), 0)
    FROM object_replicas WHERE verified_at IS NULL AND retired_at IS NULL AND unwanted_at IS NULL
    UNION ALL
    SELECT 'data_retired_copies', '{}', count(*) FROM object_replicas WHERE retired_at IS NOT NULL;
