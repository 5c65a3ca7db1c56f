-- How long ended records are kept, for people who ask what happens to their data (GDPR Article
-- 15(1)(d)). The policies belong to the compliance domain.
-- +goose Up
CREATE VIEW published.retention AS
    SELECT organization_id, resource, keep_days FROM compliance.retention_policies WHERE ends_at IS NULL;
