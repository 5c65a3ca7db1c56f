-- What a trail says about one person, in whatever organization: what they did, and what
-- was done to them (GDPR Article 15). Lists of one organization's trail are found by the
-- same indexes, since hardly anybody is in many.
-- +goose Up
CREATE INDEX audit_entries_by ON audit_entries (actor_id, id DESC);
CREATE INDEX audit_entries_on ON audit_entries (resource_id, id DESC) WHERE resource_id <> '';
DROP INDEX audit_entries_actor;
