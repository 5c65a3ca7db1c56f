-- The compliance domain has its own role: it stores policies and records in its schema, publishes
-- and consumes events, and cannot read accounts.
-- +goose Up

GRANT USAGE ON SCHEMA compliance, public TO compliance;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA compliance TO compliance;
ALTER DEFAULT PRIVILEGES IN SCHEMA compliance GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO compliance;
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox, consumed_events TO compliance;
GRANT SELECT, INSERT ON erased_organizations TO compliance;
GRANT EXECUTE ON FUNCTION is_erased TO compliance;
