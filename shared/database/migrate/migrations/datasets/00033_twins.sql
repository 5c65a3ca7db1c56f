-- Versions whose file was uploaded before share the table of that version.
-- +goose Up

ALTER TABLE dataset_versions ADD COLUMN prepared_by smallint;   -- revision of the conversion that wrote the table
