-- Data sets of JSON documents, beside those of tables.
-- +goose Up

ALTER TABLE datasets ADD COLUMN kind text NOT NULL DEFAULT 'table' CONSTRAINT datasets_kind CHECK (kind IN ('table', 'documents'));

-- What all documents of a data set share. The row is inserted with the first document or schema.
CREATE TABLE document_collections (
    dataset_id  uuid PRIMARY KEY REFERENCES datasets ON DELETE CASCADE,
    wrapped_key bytea NOT NULL, -- seals the documents; destroying it erases them
    wrapped_by  bytea,          -- as in dataset_versions
    schema      text            -- a JSON Schema; NULL: none
);

CREATE TRIGGER key_changed BEFORE UPDATE ON document_collections FOR EACH ROW
    WHEN (NEW.wrapped_key IS DISTINCT FROM OLD.wrapped_key AND NEW.wrapped_by IS NOT DISTINCT FROM OLD.wrapped_by) EXECUTE FUNCTION forget_wrapped_by();

-- The current content of each document is in the table documents, or in MongoDB.
CREATE TABLE dataset_documents (
    sequence   uuid PRIMARY KEY,     -- UUIDv7, orders the documents by their creation
    dataset_id uuid NOT NULL REFERENCES document_collections ON DELETE CASCADE,
    id         text NOT NULL COLLATE "C",
    body       uuid NOT NULL UNIQUE, -- the document's content in the store, and its ETag
    size_bytes int NOT NULL,
    terms      bigint[],             -- keyed hashes of paths and values; NULL: too many
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT dataset_documents_id UNIQUE (dataset_id, id)
);
CREATE INDEX dataset_documents_order ON dataset_documents (dataset_id, sequence);
CREATE INDEX dataset_documents_terms ON dataset_documents USING gin (terms);
CREATE INDEX dataset_documents_unindexed ON dataset_documents (dataset_id) WHERE terms IS NULL;

-- Sealed documents, where MongoDB is not used. A collection is a data set.
CREATE TABLE documents (
    collection text NOT NULL,
    id         uuid NOT NULL,
    body       bytea NOT NULL,
    PRIMARY KEY (collection, id)
);

-- Documents in MongoDB that are being written or deleted. A row that outlives its request refers to
-- a document that no data set has, which the retention sweep removes.
CREATE TABLE staged_documents (
    id         uuid PRIMARY KEY,
    collection text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX staged_documents_age ON staged_documents (created_at);

CREATE OR REPLACE VIEW published.tables AS
    SELECT d.organization_id, d.id AS dataset_id, d.name, d.status, d.storage_type,
           v.version, CASE v.inherited WHEN '{}' THEN v.table_name END AS table_name, v.table_bytes, v.wrapped_key, v.row_count, d.kind
    FROM datasets d
    LEFT JOIN dataset_versions v ON v.dataset_id = d.id AND v.version = d.ready_version
    WHERE d.deleted_at IS NULL;

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
          UNION ALL SELECT wrapped_key, wrapped_by FROM document_collections) k
    WHERE wrapped_key IS NOT NULL AND EXISTS (SELECT FROM key_rotation) AND wrapped_by IS DISTINCT FROM (SELECT wrapped_by FROM key_rotation);
