-- +goose Up
-- The encoding that the sender of a text file declared; NULL: UTF-8, or UTF-16 with a byte order mark.
ALTER TABLE dataset_versions ADD COLUMN charset text;
