-- Proposals decide conflicts of their merge row by row.
-- +goose Up

ALTER TABLE dataset_proposals ADD COLUMN resolutions bytea; -- sealed with the key of the proposed version's newest table
