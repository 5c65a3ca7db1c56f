-- References to versions that have expired, and decisions about the conflicts of merges.
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
