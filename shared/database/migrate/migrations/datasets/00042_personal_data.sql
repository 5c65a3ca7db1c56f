-- Columns that hold personal data, as they were found or as people say.
-- +goose Up

CREATE TABLE dataset_personal_data (
    dataset_id  uuid NOT NULL REFERENCES datasets ON DELETE CASCADE,
    column_name text NOT NULL,
    kind        text NOT NULL,
    share       double precision,                   -- of sampled values of this form, where it was found; NULL: people say so
    status      text NOT NULL CHECK (status IN ('found', 'confirmed', 'rejected')),
    decided_by  uuid,
    changed_at  timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX dataset_personal_data_column ON dataset_personal_data (dataset_id, lower(column_name));

-- The columns of a data set, and of its failing rows, that a policy for personal data masks.
-- +goose StatementBegin
CREATE FUNCTION personal_columns_of(dataset uuid) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(column_name ORDER BY column_name), '{}') FROM dataset_personal_data
    WHERE dataset_id = (SELECT coalesce(quality_of, id) FROM datasets WHERE id = dataset) AND status <> 'rejected'
$$;
-- +goose StatementEnd

-- The data sets that a reader can name in queries: those of the reader's organization, and those shared by others. Where a
-- name is taken, the shared data set has its identifier as its name.
-- +goose StatementBegin
CREATE FUNCTION published.readable_tables(reader jsonb)
RETURNS TABLE (dataset_id uuid, organization_id uuid, kind text, name text, status text, version int, policies jsonb, personal_columns text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH readable AS (
        SELECT d FROM datasets d
        WHERE d.organization_id = (reader ->> 'organization')::uuid AND d.deleted_at IS NULL AND may_read(d, reader)
        UNION
        SELECT d FROM dataset_shares s JOIN datasets d ON d.id = s.dataset_id
        WHERE s.grantee_id = ANY (ARRAY(SELECT jsonb_array_elements_text(reader -> 'principals')::uuid))
          AND d.deleted_at IS NULL AND may_read(d, reader)
    ), named AS (
        SELECT (d).*, row_number() OVER (PARTITION BY lower((d).name) ORDER BY (d).organization_id = (reader ->> 'organization')::uuid DESC, (d).id) AS place
        FROM readable
    )
    SELECT n.id, n.organization_id, n.kind, CASE n.place WHEN 1 THEN n.name ELSE n.id::text END, n.status, n.ready_version, policies_of(n.id), personal_columns_of(n.id)
    FROM named n
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION published.readable_tables FROM PUBLIC;
GRANT EXECUTE ON FUNCTION published.readable_tables TO catalog_reader;
