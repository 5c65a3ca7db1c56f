-- The name for the organization of a pending registration; NULL: its identifier.
-- +goose Up
ALTER TABLE registrations ADD COLUMN organization_name text;
