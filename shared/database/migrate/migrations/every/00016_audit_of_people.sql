-- The entries of a trail about one person in any organization: what they did, and what was done to
-- them (GDPR Article 15). The same indexes serve lists of one organization's trail, since few
-- people are in many.
-- +goose Up
CREATE INDEX audit_entries_by ON audit_entries (actor_id, id DESC);
CREATE INDEX audit_entries_on ON audit_entries (resource_id, id DESC) WHERE resource_id <> '';
DROP INDEX audit_entries_actor;
