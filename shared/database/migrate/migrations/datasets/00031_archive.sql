-- Versions whose objects are in the archive store of their storage type.
-- +goose Up

-- Not in dataset_lifecycles: functions that do not know this limit would take a policy without the other limits for
-- one that removes every version.
CREATE TABLE dataset_archiving (
    dataset_id uuid PRIMARY KEY REFERENCES datasets ON DELETE CASCADE,
    after_days int NOT NULL CHECK (after_days > 0), -- since the creation of a version, or its last recall
    changed_by uuid NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE dataset_versions
    ADD COLUMN archived_at timestamptz, -- since when its own objects are in the archive; NULL: they are in the primary store
    ADD COLUMN recalled_at timestamptz; -- when they last came back

-- A row exists before the first byte of its copy and is deleted after the copy, so that no copy is forgotten.
CREATE TABLE archived_objects (
    object_name  text NOT NULL,
    store        text NOT NULL,                      -- the part of the archive's URL that identifies it
    storage_type text NOT NULL,
    sha256       bytea,                              -- of the stored bytes, once they were verified
    archived_at  timestamptz,                        -- NULL: no version needs the copy, or none needs it yet
    changed_at   timestamptz NOT NULL DEFAULT now(), -- of a copy that no version needs: it is deleted a day later
    PRIMARY KEY (object_name, store)
);
CREATE INDEX archived_objects_unneeded ON archived_objects (changed_at) WHERE archived_at IS NULL;

CREATE OR REPLACE VIEW published.version_tables AS
    SELECT d.organization_id, d.id AS dataset_id, v.version, p.ordinality AS place,
           t.version AS part, d.storage_type, t.table_name, t.table_bytes, t.wrapped_key, v.archived_at
    FROM datasets d
    JOIN dataset_versions v ON v.dataset_id = d.id AND v.status = 'ready'
    CROSS JOIN LATERAL unnest(v.inherited || v.version) WITH ORDINALITY p (part, ordinality)
    JOIN dataset_versions t ON t.dataset_id = d.id AND t.version = p.part AND t.table_name IS NOT NULL
    WHERE d.deleted_at IS NULL;

-- Also kept: the versions whose rows a version in progress changes.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION kept_versions(dataset uuid) RETURNS SETOF int LANGUAGE sql STABLE AS $$
    SELECT version FROM dataset_refs WHERE dataset_id = dataset
    UNION SELECT head_of(dataset, 'main')
    UNION SELECT max(version) FROM dataset_versions WHERE dataset_id = dataset GROUP BY branch
    UNION SELECT head_of(dataset, name) FROM dataset_refs WHERE dataset_id = dataset AND kind = 'branch'
    UNION SELECT common_version(dataset, head_of(dataset, 'main'), head_of(dataset, name)) FROM dataset_refs WHERE dataset_id = dataset AND kind = 'branch'
    UNION SELECT head_of(dataset, branch, version) FROM dataset_versions WHERE dataset_id = dataset AND status = 'processing'
    UNION SELECT source_version FROM dataset_versions WHERE dataset_id = dataset AND status = 'processing'
    UNION SELECT common_version(dataset, head_of(dataset, branch, version), source_version) FROM dataset_versions WHERE dataset_id = dataset AND status = 'processing'
    UNION SELECT version FROM dataset_proposals WHERE dataset_id = dataset AND status = 'open'
$$;
-- +goose StatementEnd
