-- Data sets of thousands of versions.
-- +goose Up

-- A version whose file was uploaded before shares the table of that version.
ALTER TABLE dataset_versions ADD COLUMN prepared_by smallint;   -- revision of the conversion that wrote the table
CREATE INDEX dataset_versions_file ON dataset_versions (dataset_id, sha256) WHERE table_name IS NOT NULL AND operation = 'replace';

-- Walks back only if both are given, as for a merge, and counts instead of comparing each with each.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION common_version(dataset uuid, one int, other int) RETURNS int LANGUAGE sql STABLE STRICT AS $$
    WITH RECURSIVE made(first, version) AS (
        SELECT first, first FROM unnest(ARRAY[one, other]) first
        UNION
        SELECT made.first, parent
        FROM made JOIN dataset_versions v ON v.dataset_id = dataset AND v.version = made.version
        CROSS JOIN LATERAL (VALUES (v.base_version), (v.source_version)) p (parent)
        WHERE parent IS NOT NULL
    )
    SELECT max(version) FROM (SELECT version FROM made GROUP BY version HAVING bool_or(first = one) AND bool_or(first = other)) both_made
$$;
-- +goose StatementEnd
