-- What the organization of a registration that waits is to be called; NULL: by its identifier.
-- +goose Up
ALTER TABLE registrations ADD COLUMN organization_name text;
