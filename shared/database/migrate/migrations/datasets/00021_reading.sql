-- +goose Up
-- How a version is compressed (NULL: not), and how it is to be read: reading holds the options that the sender gave
-- (reading.Options), which for CSV repeat header_absent and charset; detected tells how it was read (reading.Detected).
ALTER TABLE dataset_versions
    ADD COLUMN compression text,
    ADD COLUMN reading     jsonb,
    ADD COLUMN detected    json;
