-- Direct uploads: files that clients put into the bucket by a signed URL.
-- +goose Up

ALTER TABLE uploads DROP CONSTRAINT uploads_kind_check,
    ADD CONSTRAINT uploads_kind_check CHECK (kind IN ('whole', 'partial', 'final', 'import', 'direct'));

-- Objects that clients may put, in plain text. A row outlives its upload, because a request that was
-- sent before can end later.
CREATE TABLE direct_objects (
    name         text PRIMARY KEY,
    storage_type text NOT NULL,
    upload_id    uuid NOT NULL UNIQUE,
    put_until    timestamptz NOT NULL   -- when no request can put it any more
);
