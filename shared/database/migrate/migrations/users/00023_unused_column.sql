-- The release before no longer reads or writes sessions.address_index.

-- +goose Up
ALTER TABLE sessions DROP COLUMN address_index;
