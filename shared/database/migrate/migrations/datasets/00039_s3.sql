-- Multipart uploads of S3 clients, whose parts are partial uploads; and the names of buckets.
-- +goose Up

CREATE TABLE s3_uploads (
    id         uuid PRIMARY KEY,
    dataset_id uuid NOT NULL REFERENCES datasets ON DELETE CASCADE,
    created_by uuid NOT NULL,
    key        text NOT NULL,
    target     jsonb NOT NULL, -- resumable.Target
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX s3_uploads_dataset ON s3_uploads (dataset_id, key, id);
CREATE INDEX s3_uploads_age ON s3_uploads (created_at);

-- A part that is sent again replaces the one with its number.
CREATE TABLE s3_upload_parts (
    s3_upload_id uuid NOT NULL REFERENCES s3_uploads ON DELETE CASCADE,
    number       int NOT NULL,
    upload_id    uuid NOT NULL UNIQUE REFERENCES uploads ON DELETE CASCADE,
    md5          bytea NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (s3_upload_id, number)
);

CREATE INDEX datasets_bucket ON datasets (organization_id, lower(replace(name, '_', '-'))) WHERE deleted_at IS NULL;
