-- Uploads in several requests, and versions whose file is stored as several objects.
-- +goose Up

-- The file of a version whose object_name is NULL, in the order of place. Restored and merged
-- versions have no file of their own.
CREATE TABLE dataset_version_parts (
    dataset_id  uuid NOT NULL,
    version     int NOT NULL,
    place       int NOT NULL,
    object_name text NOT NULL UNIQUE,
    size_bytes  bigint NOT NULL CHECK (size_bytes > 0),
    wrapped_key bytea NOT NULL,
    PRIMARY KEY (dataset_id, version, place),
    FOREIGN KEY (dataset_id, version) REFERENCES dataset_versions ON DELETE CASCADE
);

CREATE VIEW version_files AS
    SELECT dataset_id, version, 0 AS place, object_name, size_bytes, wrapped_key FROM dataset_versions WHERE object_name IS NOT NULL
    UNION ALL
    SELECT dataset_id, version, place, object_name, size_bytes, wrapped_key FROM dataset_version_parts;

CREATE OR REPLACE VIEW stored_objects AS
    SELECT f.object_name AS name, d.storage_type FROM version_files f JOIN datasets d ON d.id = f.dataset_id
    UNION ALL
    SELECT v.table_name, d.storage_type FROM dataset_versions v JOIN datasets d ON d.id = v.dataset_id WHERE v.table_name IS NOT NULL;

-- A file that arrives in several requests (tus 1.0, or an import).
CREATE TABLE uploads (
    id          uuid PRIMARY KEY,
    dataset_id  uuid NOT NULL REFERENCES datasets ON DELETE CASCADE,
    created_by  uuid NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('whole', 'partial', 'final', 'import')),
    length      bigint CHECK (length > 0),           -- NULL: not known yet
    received    bigint NOT NULL DEFAULT 0 CHECK (received >= 0 AND received <= length),
    hash_state  bytea NOT NULL,                      -- SHA-256 of the bytes received so far
    metadata    text NOT NULL,                       -- Upload-Metadata as sent
    concat      text NOT NULL DEFAULT '',            -- Upload-Concat as sent
    target      jsonb NOT NULL,                      -- upload.Target: what the file is and what becomes of it
    wrapped_key bytea NOT NULL,
    writer      bigint NOT NULL DEFAULT 0,           -- counts the requests that have written; only the newest may commit
    version     int,                                 -- that the complete file has become
    failure     text,                                -- why it cannot become one
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL
);
CREATE INDEX uploads_expiry ON uploads (expires_at);
CREATE INDEX uploads_dataset ON uploads (dataset_id);

-- The objects that hold the bytes received so far. They stay staged, so that the sweep of staged
-- objects removes those of a deleted upload.
CREATE TABLE upload_parts (
    upload_id     uuid NOT NULL REFERENCES uploads ON DELETE CASCADE,
    start         bigint NOT NULL,                   -- position of the first byte in the upload
    object_name   text NOT NULL UNIQUE REFERENCES staged_objects,
    size_bytes    bigint NOT NULL CHECK (size_bytes > 0),
    stored_bytes  bigint NOT NULL,
    stored_sha256 bytea NOT NULL,
    PRIMARY KEY (upload_id, start)
);
