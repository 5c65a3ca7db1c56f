-- What users' own SQL sees: projections of the other domains, fed by events, without personal data,
-- under row-level security by organization.
-- +goose Up
CREATE SCHEMA projections;

CREATE TABLE projections.users (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL,
    role            text NOT NULL,
    registered_at   timestamptz NOT NULL,
    status          text NOT NULL DEFAULT 'active',     -- 'ended': a tombstone, since events may overtake each other
    changed_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id, organization_id)
);
CREATE INDEX users_organization ON projections.users (organization_id, id);

CREATE TABLE projections.logins (
    id              uuid PRIMARY KEY,            -- the session's ID
    user_id         uuid NOT NULL,
    organization_id uuid NOT NULL,
    logged_in_at    timestamptz NOT NULL
);
CREATE INDEX logins_organization ON projections.logins (organization_id, logged_in_at);
CREATE INDEX logins_user ON projections.logins (user_id);

-- Erased people, whose logins are no longer recorded, including late ones.
CREATE TABLE projections.erased (
    user_id   uuid PRIMARY KEY,
    erased_at timestamptz NOT NULL
);

CREATE TABLE projections.datasets (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    name            text NOT NULL,
    storage_type    text NOT NULL,
    status          text NOT NULL,               -- 'deleted': a tombstone, since events may overtake each other
    version         int NOT NULL,
    row_count       bigint NOT NULL,
    size_bytes      bigint NOT NULL,
    created_at      timestamptz NOT NULL,
    changed_at      timestamptz NOT NULL
);
CREATE INDEX datasets_organization ON projections.datasets (organization_id, id);

-- Events of an organization may arrive after its deletion.
CREATE TRIGGER organization_erased BEFORE INSERT ON projections.users FOR EACH ROW EXECUTE FUNCTION skip_erased_organization();
CREATE TRIGGER organization_erased BEFORE INSERT ON projections.logins FOR EACH ROW EXECUTE FUNCTION skip_erased_organization();
CREATE TRIGGER organization_erased BEFORE INSERT ON projections.datasets FOR EACH ROW EXECUTE FUNCTION skip_erased_organization();

-- The current organization is a setting, which SQL can change. So the setting is a capability: the
-- organization's ID with a MAC that only this database can compute. The message has a fixed length,
-- which makes the envelope MAC sha256(secret || message || secret) secure.
CREATE SCHEMA tenancy;
CREATE TABLE tenancy.secret (value bytea NOT NULL);
INSERT INTO tenancy.secret
    SELECT sha256(decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));

-- +goose StatementBegin
CREATE FUNCTION tenancy.grant_for(organization uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT organization::text || encode(sha256(value || convert_to(organization::text, 'UTF8') || value), 'hex')
    FROM tenancy.secret
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION tenancy.organization() RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT claim.organization
    FROM (SELECT left(current_setting('tenancy.grant', true), 36)::uuid AS organization
          WHERE length(current_setting('tenancy.grant', true)) = 100) AS claim
    WHERE tenancy.grant_for(claim.organization) = current_setting('tenancy.grant', true)
$$;
-- +goose StatementEnd

REVOKE ALL ON FUNCTION tenancy.grant_for(uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION tenancy.organization() FROM PUBLIC;

ALTER TABLE projections.users ENABLE ROW LEVEL SECURITY;
ALTER TABLE projections.logins ENABLE ROW LEVEL SECURITY;
ALTER TABLE projections.datasets ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON projections.users FOR SELECT TO analytics_reader
    USING (organization_id = (SELECT tenancy.organization()) AND status <> 'ended');
CREATE POLICY own ON projections.logins FOR SELECT TO analytics_reader
    USING (organization_id = (SELECT tenancy.organization()));
CREATE POLICY own ON projections.datasets FOR SELECT TO analytics_reader
    USING (organization_id = (SELECT tenancy.organization()) AND status <> 'deleted');

GRANT USAGE ON SCHEMA projections, tenancy TO analytics_reader;
GRANT SELECT ON projections.users, projections.logins, projections.datasets TO analytics_reader;
GRANT EXECUTE ON FUNCTION tenancy.organization() TO analytics_reader;
