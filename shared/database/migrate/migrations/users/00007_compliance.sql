-- +goose Up
CREATE SCHEMA compliance;

-- How long each kind of record is kept after it has expired or been deleted. The nil organization
-- has the platform's default; an organization's own row takes precedence.
CREATE TABLE compliance.retention_policies (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    resource        text NOT NULL CHECK (resource IN ('sessions', 'datasets')),
    keep_days       int NOT NULL CHECK (keep_days BETWEEN 0 AND 36500),
    changed_at      timestamptz NOT NULL DEFAULT now(),
    changed_by      uuid,
    ends_at         timestamptz,                 -- for a deleted organization: when nothing of it is left to keep
    CONSTRAINT retention_policy UNIQUE (organization_id, resource)
);
CREATE TRIGGER organization_erased BEFORE INSERT ON compliance.retention_policies FOR EACH ROW EXECUTE FUNCTION refuse_erased_organization();

INSERT INTO compliance.retention_policies (id, organization_id, resource, keep_days) VALUES
    ('01900000-0000-7000-8000-000000000001', '00000000-0000-0000-0000-000000000000', 'sessions', 30),
    ('01900000-0000-7000-8000-000000000002', '00000000-0000-0000-0000-000000000000', 'datasets', 30);

CREATE TABLE compliance.retention_sweeps (
    id         uuid PRIMARY KEY,
    started_at timestamptz NOT NULL DEFAULT now()
);

-- What each sweep applied, since a policy may have changed later.
CREATE TABLE compliance.swept_policies (
    sweep_id        uuid NOT NULL REFERENCES compliance.retention_sweeps,
    policy_id       uuid NOT NULL,
    organization_id uuid NOT NULL,
    resource        text NOT NULL,
    keep_days       int NOT NULL,
    cutoff          timestamptz NOT NULL,
    PRIMARY KEY (sweep_id, policy_id)
);

-- The record of disposals; it is never deleted (SOX, HIPAA §164.316).
CREATE TABLE compliance.retention_disposals (
    id              uuid PRIMARY KEY,
    sweep_id        uuid NOT NULL,
    policy_id       uuid NOT NULL,
    organization_id uuid NOT NULL,
    items           bigint NOT NULL CHECK (items > 0),
    bytes           bigint NOT NULL CHECK (bytes >= 0),
    oldest          timestamptz NOT NULL,
    newest          timestamptz NOT NULL,
    disposed_at     timestamptz NOT NULL,
    CONSTRAINT retention_disposals_sweep FOREIGN KEY (sweep_id, policy_id) REFERENCES compliance.swept_policies
);
CREATE INDEX retention_disposals_organization ON compliance.retention_disposals (organization_id, id);
