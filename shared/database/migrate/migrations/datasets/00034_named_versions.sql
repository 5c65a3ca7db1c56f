-- References to versions that have expired, decisions about the conflicts of merges, and metrics of the archive.
-- +goose Up

-- The version that a reference names, and whether it has expired, or NULLs: a number; a date or time, for the version
-- of main that was current then; a tag; a branch, for its newest version. Dates begin at midnight UTC.
-- +goose StatementBegin
CREATE FUNCTION published.version_named(dataset uuid, ref text, OUT number int, OUT expired boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET TimeZone = 'UTC' AS $$
BEGIN
    -- Versions that were ready have columns; those that failed can expire too.
    IF ref ~ '^[0-9]{1,9}$' THEN
        number := (SELECT version FROM dataset_versions
                   WHERE dataset_id = dataset AND version = ref::int AND (status = 'ready' OR status = 'expired' AND columns IS NOT NULL));
    ELSIF ref ~ '^[0-9]{4}-' THEN
        number := (SELECT version FROM dataset_versions
                   WHERE dataset_id = dataset AND branch = 'main' AND (status = 'ready' OR status = 'expired' AND columns IS NOT NULL) AND profiled_at <= ref::timestamptz
                   ORDER BY version DESC LIMIT 1);
    ELSE
        number := coalesce((SELECT version FROM dataset_refs WHERE dataset_id = dataset AND name = ref AND kind = 'tag'), head_of(dataset, ref));
    END IF;
    expired := (SELECT status = 'expired' FROM dataset_versions WHERE dataset_id = dataset AND version = number);
EXCEPTION WHEN invalid_datetime_format OR datetime_field_overflow THEN
    NULL;
END $$;
-- +goose StatementEnd
GRANT EXECUTE ON FUNCTION published.version_named TO catalog_reader;

-- The ready version that a reference names, or NULL. Only functions from before version_named call it.
CREATE OR REPLACE FUNCTION published.version_at(dataset uuid, ref text) RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT CASE WHEN NOT expired THEN number END FROM published.version_named(dataset, ref)
$$;

-- Of a merge: decisions about single conflicts, sealed with the version's key because they hold values of rows.
ALTER TABLE dataset_versions ADD COLUMN resolutions bytea;

CREATE INDEX dataset_versions_archived ON dataset_versions (dataset_id) WHERE archived_at IS NOT NULL;

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
    SELECT 'data_archived_versions', '{}', count(*) FROM dataset_versions WHERE archived_at IS NOT NULL AND status <> 'expired'
    UNION ALL
    SELECT 'data_archived_bytes', '{}', coalesce(sum(stored_bytes + coalesce(table_bytes, 0)), 0)
    FROM dataset_versions WHERE archived_at IS NOT NULL AND status <> 'expired'
    UNION ALL
    SELECT 'keys_to_rewrap', '{"database": "data_management_db"}', count(*)
    FROM (SELECT wrapped_key, wrapped_by FROM dataset_versions
          UNION ALL SELECT wrapped_key, wrapped_by FROM dataset_version_parts
          UNION ALL SELECT wrapped_key, wrapped_by FROM uploads
          UNION ALL SELECT wrapped_key, wrapped_by FROM document_collections
          UNION ALL SELECT wrapped_key, wrapped_by FROM dataset_objects) k
    WHERE wrapped_key IS NOT NULL AND EXISTS (SELECT FROM key_rotation) AND wrapped_by IS DISTINCT FROM (SELECT wrapped_by FROM key_rotation);
