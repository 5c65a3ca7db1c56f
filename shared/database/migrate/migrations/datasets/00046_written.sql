-- Files that an S3 client writes one by one, and that become a version together.
-- +goose Up

CREATE TABLE written_files (
    dataset_id uuid NOT NULL REFERENCES datasets ON DELETE CASCADE,
    created_by uuid NOT NULL,
    key        text COLLATE "C" NOT NULL,
    upload_ids uuid[] NOT NULL, -- partial uploads, which are the bytes in this order
    size_bytes bigint NOT NULL,
    etag       text NOT NULL,
    version    int, -- that the folder became; of the file that ends it
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (dataset_id, created_by, key)
);
CREATE INDEX written_files_age ON written_files (created_at);
