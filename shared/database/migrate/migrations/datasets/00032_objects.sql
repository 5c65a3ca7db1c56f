-- Data sets of objects: pictures, audio, PDF and other files.
-- +goose Up

ALTER TABLE datasets DROP CONSTRAINT datasets_kind, ADD CONSTRAINT datasets_kind CHECK (kind IN ('table', 'documents', 'objects'));

-- Replacing an object changes its row, whose key then exists no more.
CREATE TABLE dataset_objects (
    dataset_id    uuid NOT NULL REFERENCES datasets ON DELETE CASCADE,
    name          text NOT NULL COLLATE "C",
    revision      uuid NOT NULL,        -- changes with each change of the object; its ETag
    object_name   text NOT NULL UNIQUE, -- in the bucket
    wrapped_key   bytea NOT NULL,
    wrapped_by    bytea,                -- as in dataset_versions
    content_type  text NOT NULL,        -- as declared
    detected_type text NOT NULL,        -- by the first bytes
    size_bytes    bigint NOT NULL,
    stored_bytes  bigint NOT NULL,
    sha256        bytea NOT NULL,       -- of the object as it was sent
    width         int,                  -- of a PNG, JPEG or GIF picture, in pixels
    height        int,
    metadata      jsonb NOT NULL,       -- an object of strings
    created_by    uuid NOT NULL,
    created_at    timestamptz NOT NULL,
    changed_at    timestamptz NOT NULL,
    PRIMARY KEY (dataset_id, name)
);

CREATE TRIGGER key_changed BEFORE UPDATE ON dataset_objects FOR EACH ROW
    WHEN (NEW.wrapped_key IS DISTINCT FROM OLD.wrapped_key AND NEW.wrapped_by IS NOT DISTINCT FROM OLD.wrapped_by) EXECUTE FUNCTION forget_wrapped_by();

CREATE OR REPLACE VIEW stored_objects AS
    SELECT f.object_name AS name, d.storage_type FROM version_files f JOIN datasets d ON d.id = f.dataset_id
    UNION ALL
    SELECT v.table_name, d.storage_type FROM dataset_versions v JOIN datasets d ON d.id = v.dataset_id WHERE v.table_name IS NOT NULL
    UNION ALL
    SELECT o.object_name, d.storage_type FROM dataset_objects o JOIN datasets d ON d.id = o.dataset_id;

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
    SELECT 'data_retired_copies', '{}', count(*) FROM object_replicas WHERE retired_at IS NOT NULL
    UNION ALL
    SELECT 'keys_to_rewrap', '{"database": "data_management_db"}', count(*)
    FROM (SELECT wrapped_key, wrapped_by FROM dataset_versions
          UNION ALL SELECT wrapped_key, wrapped_by FROM dataset_version_parts
          UNION ALL SELECT wrapped_key, wrapped_by FROM uploads
          UNION ALL SELECT wrapped_key, wrapped_by FROM document_collections
          UNION ALL SELECT wrapped_key, wrapped_by FROM dataset_objects) k
    WHERE wrapped_key IS NOT NULL AND EXISTS (SELECT FROM key_rotation) AND wrapped_by IS DISTINCT FROM (SELECT wrapped_by FROM key_rotation);
