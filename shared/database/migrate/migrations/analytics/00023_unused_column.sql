-- The release before no longer reads or writes report_runs.attempts.

-- +goose Up
ALTER TABLE report_runs DROP COLUMN attempts;
