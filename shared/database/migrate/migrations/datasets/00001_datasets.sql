-- +goose Up

CREATE TABLE datasets (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    name            text NOT NULL,
    description     text NOT NULL,
    declared_schema jsonb,                       -- {columns: [{name, type}]}, NULL: inferred
    storage_type    text NOT NULL,
    status          text NOT NULL CHECK (status IN ('draft', 'processing', 'ready', 'failed')),
    newest_version  int NOT NULL DEFAULT 0,
    ready_version   int,                         -- the version that queries read
    created_by      uuid NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    changed_at      timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz
);
-- A data set is a table with its name, and SQL names are case-insensitive.
CREATE UNIQUE INDEX datasets_name ON datasets (organization_id, lower(name)) WHERE deleted_at IS NULL;
CREATE INDEX datasets_organization ON datasets (organization_id, id) WHERE deleted_at IS NULL;
CREATE INDEX datasets_deleted ON datasets (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TRIGGER organization_erased BEFORE INSERT ON datasets FOR EACH ROW EXECUTE FUNCTION refuse_erased_organization();

CREATE TABLE dataset_versions (
    dataset_id    uuid NOT NULL REFERENCES datasets ON DELETE CASCADE,
    version       int NOT NULL,
    status        text NOT NULL CHECK (status IN ('processing', 'ready', 'failed')),
    format        text NOT NULL,
    header_absent bool NOT NULL DEFAULT false,   -- CSV without a header line (RFC 4180 §3)
    size_bytes    bigint NOT NULL,               -- as uploaded
    stored_bytes  bigint NOT NULL,               -- compressed and encrypted
    sha256        bytea NOT NULL,                -- of the bytes as uploaded
    object_name   text NOT NULL,
    wrapped_key   bytea NOT NULL,                -- the version's data key; destroying it erases the version
    table_name    text,                          -- object of the Parquet copy
    table_bytes   bigint,
    row_count     bigint,
    columns       json,                          -- []engine.ColumnProfile; not jsonb, which refuses \u0000
    failure       text,                          -- why it failed, for people to read
    progress      jsonb,                         -- {stage, done} while processing
    uploaded_by   uuid NOT NULL,
    uploaded_at   timestamptz NOT NULL DEFAULT now(),
    profiled_at   timestamptz,
    PRIMARY KEY (dataset_id, version)
);

-- Objects that are being written. A row that outlives its upload refers to unused bytes, which the
-- retention sweep removes.
CREATE TABLE staged_objects (
    name         text PRIMARY KEY,
    storage_type text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX staged_objects_age ON staged_objects (created_at);

-- Every data set with the version that queries read: the newest that is ready, also while a newer
-- one is processed or after it has failed. table_name is NULL if there is none; queries are then
-- told to wait.
CREATE VIEW published.tables AS
    SELECT d.organization_id, d.id AS dataset_id, d.name, d.status, d.storage_type,
           v.version, v.table_name, v.table_bytes, v.wrapped_key, v.row_count
    FROM datasets d
    LEFT JOIN dataset_versions v ON v.dataset_id = d.id AND v.version = d.ready_version
    WHERE d.deleted_at IS NULL;
CREATE VIEW published.metrics AS
    SELECT name, labels, sum(value) AS value FROM metric_counters GROUP BY name, labels
    UNION ALL
    SELECT 'datasets_total', jsonb_build_object('status', status), count(*)
    FROM datasets WHERE deleted_at IS NULL GROUP BY status
    UNION ALL
    SELECT 'audit_unsealed_seconds', '{"trail": "datasets"}', coalesce(extract(epoch FROM now() - min(at)), 0) FROM audit_entries WHERE seq IS NULL;

GRANT USAGE ON SCHEMA published TO catalog_reader;
GRANT SELECT ON published.tables TO catalog_reader;
