-- Each change of a retention policy gets the next version of its resource, so that domains can tell
-- whether they know all changes. A deleted policy remains as a row without days.
-- +goose Up
CREATE TABLE compliance.retention_versions (
    resource text PRIMARY KEY,
    version  bigint NOT NULL                     -- the newest; some versions have no row
);
INSERT INTO compliance.retention_versions SELECT resource, count(*) FROM compliance.retention_policies GROUP BY resource;

ALTER TABLE compliance.retention_policies ADD version bigint, ALTER keep_days DROP NOT NULL,
    DROP CONSTRAINT retention_policies_resource_check; -- the API lists the resources
UPDATE compliance.retention_policies p SET version = n.version
FROM (SELECT id, row_number() OVER (PARTITION BY resource ORDER BY id) AS version FROM compliance.retention_policies) n WHERE n.id = p.id;
ALTER TABLE compliance.retention_policies ALTER version SET NOT NULL;
CREATE INDEX retention_policies_version ON compliance.retention_policies (resource, version);

-- +goose StatementBegin
CREATE FUNCTION compliance.next_policy_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO compliance.retention_versions AS v VALUES (NEW.resource, 1)
    ON CONFLICT (resource) DO UPDATE SET version = v.version + 1 RETURNING version INTO NEW.version;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER retention_version BEFORE INSERT ON compliance.retention_policies FOR EACH ROW EXECUTE FUNCTION compliance.next_policy_version();
CREATE TRIGGER retention_version_of_change BEFORE UPDATE ON compliance.retention_policies FOR EACH ROW
    WHEN (OLD.keep_days IS DISTINCT FROM NEW.keep_days) EXECUTE FUNCTION compliance.next_policy_version();

CREATE OR REPLACE VIEW published.retention AS
    SELECT organization_id, resource, keep_days FROM compliance.retention_policies WHERE ends_at IS NULL AND keep_days IS NOT NULL;

-- A disposal contains the policy that applied: a sweep no longer lists all policies.
ALTER TABLE compliance.retention_disposals ADD resource text, ADD keep_days int, ADD cutoff timestamptz;
UPDATE compliance.retention_disposals d SET resource = p.resource, keep_days = p.keep_days, cutoff = p.cutoff
FROM compliance.swept_policies p WHERE p.sweep_id = d.sweep_id AND p.policy_id = d.policy_id;
ALTER TABLE compliance.retention_disposals ALTER resource SET NOT NULL, ALTER keep_days SET NOT NULL, ALTER cutoff SET NOT NULL,
    DROP CONSTRAINT retention_disposals_sweep, DROP policy_id,
    ADD CONSTRAINT retention_disposals_sweep FOREIGN KEY (sweep_id) REFERENCES compliance.retention_sweeps;
DROP TABLE compliance.swept_policies;
