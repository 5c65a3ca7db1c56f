-- How long what has ended is kept, for people to read who ask what becomes of their data
-- (GDPR Article 15(1)(d)). The policies are the compliance domain's.
-- +goose Up
CREATE VIEW published.retention AS
    SELECT organization_id, resource, keep_days FROM compliance.retention_policies WHERE ends_at IS NULL;
