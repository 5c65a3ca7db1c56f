-- Rotation of the key encryption key: which data keys the current one has wrapped.
-- +goose Up

CREATE TABLE key_rotation (
    single     bool PRIMARY KEY DEFAULT true CHECK (single),
    wrapped_by bytea NOT NULL -- the ID of the current key encryption key (secret.Keeper.ID); no row: there was no rotation
);

-- NULL: not known. Other functions write only wrapped_key.
ALTER TABLE dataset_versions ADD COLUMN wrapped_by bytea;
ALTER TABLE dataset_version_parts ADD COLUMN wrapped_by bytea;
ALTER TABLE uploads ADD COLUMN wrapped_by bytea;

-- +goose StatementBegin
CREATE FUNCTION forget_wrapped_by() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.wrapped_by := NULL;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER key_changed BEFORE UPDATE ON dataset_versions FOR EACH ROW
    WHEN (NEW.wrapped_key IS DISTINCT FROM OLD.wrapped_key AND NEW.wrapped_by IS NOT DISTINCT FROM OLD.wrapped_by) EXECUTE FUNCTION forget_wrapped_by();
CREATE TRIGGER key_changed BEFORE UPDATE ON dataset_version_parts FOR EACH ROW
    WHEN (NEW.wrapped_key IS DISTINCT FROM OLD.wrapped_key AND NEW.wrapped_by IS NOT DISTINCT FROM OLD.wrapped_by) EXECUTE FUNCTION forget_wrapped_by();
CREATE TRIGGER key_changed BEFORE UPDATE ON uploads FOR EACH ROW
    WHEN (NEW.wrapped_key IS DISTINCT FROM OLD.wrapped_key AND NEW.wrapped_by IS NOT DISTINCT FROM OLD.wrapped_by) EXECUTE FUNCTION forget_wrapped_by();

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
          UNION ALL SELECT wrapped_key, wrapped_by FROM uploads) k
    WHERE wrapped_key IS NOT NULL AND EXISTS (SELECT FROM key_rotation) AND wrapped_by IS DISTINCT FROM (SELECT wrapped_by FROM key_rotation);
