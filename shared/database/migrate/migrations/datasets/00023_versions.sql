-- Versions form a history: each one says which operation made it, on which branch, and from which
-- versions its rows come.
-- +goose Up

ALTER TABLE dataset_versions
    ADD COLUMN branch text NOT NULL DEFAULT 'main',
    ADD COLUMN operation text NOT NULL DEFAULT 'replace',
    ADD COLUMN key_columns text[],                    -- that identify a row, for an upsert, a delete or a merge
    ADD COLUMN inherited int[] NOT NULL DEFAULT '{}', -- versions whose tables hold its first rows; table_name holds the rest, if any
    ADD COLUMN base_version int,                      -- the version before it on its branch; NULL: it is the first, or unfinished
    ADD COLUMN source_version int,                    -- the version whose file was restored, or the one that was merged
    ADD COLUMN prefer text,                           -- of a merge: the side that decides conflicts; NULL: none
    ADD COLUMN message text NOT NULL DEFAULT '',
    ADD CONSTRAINT dataset_versions_operation CHECK (operation IN ('replace', 'append', 'upsert', 'delete', 'restore', 'merge'));

-- Restored and merged versions have no file of their own.
ALTER TABLE dataset_versions
    ALTER COLUMN format DROP NOT NULL,
    ALTER COLUMN size_bytes DROP NOT NULL,
    ALTER COLUMN sha256 DROP NOT NULL,
    ALTER COLUMN object_name DROP NOT NULL,
    ALTER COLUMN wrapped_key DROP NOT NULL;

-- Tags name a version for good; branches name a line of versions, which starts from one. The branch
-- main has no row. Names of tags and branches share one space, so that sales@name means one thing.
CREATE TABLE dataset_refs (
    dataset_id uuid NOT NULL REFERENCES datasets ON DELETE CASCADE,
    name       text NOT NULL CHECK (name <> 'main'),
    kind       text NOT NULL CHECK (kind IN ('tag', 'branch')),
    version    int NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT dataset_refs_pkey PRIMARY KEY (dataset_id, name),
    CONSTRAINT dataset_refs_version FOREIGN KEY (dataset_id, version) REFERENCES dataset_versions
);

-- The newest ready version of a branch before another version: the branch's own, or else the one
-- that it started from.
-- +goose StatementBegin
CREATE FUNCTION head_of(dataset uuid, of_branch text, before int DEFAULT 2147483647) RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce(
        (SELECT version FROM dataset_versions
         WHERE dataset_id = dataset AND branch = of_branch AND status = 'ready' AND version < before ORDER BY version DESC LIMIT 1),
        (SELECT version FROM dataset_refs WHERE dataset_id = dataset AND name = of_branch AND kind = 'branch'))
$$;
-- +goose StatementEnd

-- The newest version that two versions were both made from: their own, or one before them.
-- +goose StatementBegin
CREATE FUNCTION common_version(dataset uuid, one int, other int) RETURNS int LANGUAGE sql STABLE AS $$
    WITH RECURSIVE made(first, version) AS (
        SELECT first, first FROM unnest(ARRAY[one, other]) first
        UNION
        SELECT made.first, parent
        FROM made JOIN dataset_versions v ON v.dataset_id = dataset AND v.version = made.version
        CROSS JOIN LATERAL (VALUES (v.base_version), (v.source_version)) p (parent)
        WHERE parent IS NOT NULL
    )
    SELECT max(a.version) FROM made a JOIN made b USING (version) WHERE a.first = one AND b.first = other
$$;
-- +goose StatementEnd

-- A version whose rows are in several tables cannot be read by functions that know only table_name:
-- they take it for one that is not ready.
CREATE OR REPLACE VIEW published.tables AS
    SELECT d.organization_id, d.id AS dataset_id, d.name, d.status, d.storage_type,
           v.version, CASE v.inherited WHEN '{}' THEN v.table_name END AS table_name, v.table_bytes, v.wrapped_key, v.row_count
    FROM datasets d
    LEFT JOIN dataset_versions v ON v.dataset_id = d.id AND v.version = d.ready_version
    WHERE d.deleted_at IS NULL;

-- The tables that hold the rows of ready versions, in order.
CREATE VIEW published.version_tables AS
    SELECT d.organization_id, d.id AS dataset_id, v.version, p.ordinality AS place,
           t.version AS part, d.storage_type, t.table_name, t.table_bytes, t.wrapped_key
    FROM datasets d
    JOIN dataset_versions v ON v.dataset_id = d.id AND v.status = 'ready'
    CROSS JOIN LATERAL unnest(v.inherited || v.version) WITH ORDINALITY p (part, ordinality)
    JOIN dataset_versions t ON t.dataset_id = d.id AND t.version = p.part AND t.table_name IS NOT NULL
    WHERE d.deleted_at IS NULL;

-- The ready version that a reference in a query names, or NULL: a number; a date or time, for the
-- version of main that was current then; a tag; a branch, for its newest version. Dates begin at
-- midnight UTC.
-- +goose StatementBegin
CREATE FUNCTION published.version_at(dataset uuid, ref text) RETURNS int
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET TimeZone = 'UTC' AS $$
BEGIN
    IF ref ~ '^[0-9]{1,9}$' THEN
        RETURN (SELECT version FROM dataset_versions WHERE dataset_id = dataset AND version = ref::int AND status = 'ready');
    ELSIF ref ~ '^[0-9]{4}-' THEN
        RETURN (SELECT version FROM dataset_versions
                WHERE dataset_id = dataset AND branch = 'main' AND status = 'ready' AND profiled_at <= ref::timestamptz
                ORDER BY version DESC LIMIT 1);
    END IF;
    RETURN coalesce((SELECT version FROM dataset_refs WHERE dataset_id = dataset AND name = ref AND kind = 'tag'), head_of(dataset, ref));
EXCEPTION WHEN invalid_datetime_format OR datetime_field_overflow THEN
    RETURN NULL;
END $$;
-- +goose StatementEnd

GRANT SELECT ON published.version_tables TO catalog_reader;
GRANT EXECUTE ON FUNCTION published.version_at TO catalog_reader;
