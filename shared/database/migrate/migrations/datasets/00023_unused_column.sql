-- The release before no longer reads or writes dataset_versions.progress.

-- +goose Up
ALTER TABLE dataset_versions DROP COLUMN progress;
