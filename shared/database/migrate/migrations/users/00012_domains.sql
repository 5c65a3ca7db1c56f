-- Domains that organizations have verified, and what provisioning (SCIM) does with them.
-- +goose Up

CREATE TABLE organization_domains (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    name            text NOT NULL CHECK (name ~ '^[a-z0-9.-]+$'), -- in ASCII (RFC 5890)
    token           text NOT NULL,               -- to be published in the domain's zone; not secret
    created_at      timestamptz NOT NULL DEFAULT now(),
    verified_at     timestamptz,
    CONSTRAINT organization_domains_name UNIQUE (organization_id, name)
);
-- Many organizations may claim a domain, but only one can own it.
CREATE UNIQUE INDEX organization_domains_verified ON organization_domains (name) WHERE verified_at IS NOT NULL;

-- An account belongs to an organization as long as the domain does through which it was opened.
-- owns_account did not depend on a domain: only the previous version reads it.
ALTER TABLE provisioned_people
    ADD COLUMN domain_id uuid CONSTRAINT provisioned_people_domain REFERENCES organization_domains ON DELETE SET NULL,
    ADD COLUMN emails_index bytea[];             -- of all addresses; NULL: unknown, so anything matches
CREATE INDEX provisioned_people_by_domain ON provisioned_people (domain_id);
CREATE INDEX provisioned_people_emails ON provisioned_people USING gin (emails_index);
