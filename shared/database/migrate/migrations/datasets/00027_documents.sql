-- Data sets of JSON documents and of objects, beside those of tables.
-- +goose Up

ALTER TABLE datasets ADD COLUMN kind text NOT NULL DEFAULT 'table' CHECK (kind IN ('table', 'documents', 'objects'));

-- What all documents of a data set share. The row is inserted with the first document or schema.
CREATE TABLE document_collections (
    dataset_id  uuid PRIMARY KEY REFERENCES datasets ON DELETE CASCADE,
    wrapped_key bytea NOT NULL, -- seals the documents; destroying it erases them
    schema      text            -- a JSON Schema; NULL: none
);

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
