-- Teams, roles and grants, invitations.
-- +goose Up

CREATE TABLE teams (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    parent_id       uuid,
    name            text NOT NULL CHECK (name <> ''),
    created_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, id),
    CONSTRAINT teams_name UNIQUE (organization_id, name),
    CONSTRAINT teams_parent FOREIGN KEY (organization_id, parent_id) REFERENCES teams (organization_id, id)
);
CREATE INDEX teams_children ON teams (parent_id);

CREATE TABLE team_members (
    team_id         uuid NOT NULL,
    user_id         uuid NOT NULL,
    organization_id uuid NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (team_id, user_id),
    FOREIGN KEY (organization_id, team_id) REFERENCES teams (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT team_members_member FOREIGN KEY (user_id, organization_id) REFERENCES memberships (user_id, organization_id) ON DELETE CASCADE
);
CREATE INDEX team_members_user ON team_members (user_id, organization_id);

-- Custom roles of organizations; the built-in ones are in shared/policy.
CREATE TABLE roles (
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    name            text NOT NULL CHECK (name ~ '^[a-z][a-z0-9_]{1,62}$' AND name <> 'platform_admin'),
    description     text NOT NULL DEFAULT '',
    permissions     text[] NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    changed_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, name)
);

-- Roles in addition to the membership's: granted to a person, to a team and the teams in it, or to
-- a service account.
CREATE TABLE role_grants (
    id                 uuid PRIMARY KEY,
    organization_id    uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    role               text NOT NULL CHECK (role ~ '^[a-z][a-z0-9_]{1,62}$' AND role <> 'platform_admin'),
    user_id            uuid,
    team_id            uuid,
    service_account_id uuid REFERENCES service_accounts ON DELETE CASCADE,
    granted_by         uuid NOT NULL,
    created_at         timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nonnulls(user_id, team_id, service_account_id) = 1),
    CONSTRAINT role_grants_member FOREIGN KEY (user_id, organization_id) REFERENCES memberships (user_id, organization_id) ON DELETE CASCADE,
    CONSTRAINT role_grants_team FOREIGN KEY (organization_id, team_id) REFERENCES teams (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT role_grants_once UNIQUE NULLS NOT DISTINCT (organization_id, role, user_id, team_id, service_account_id)
);
CREATE INDEX role_grants_user ON role_grants (user_id, organization_id);
CREATE INDEX role_grants_team ON role_grants (team_id);
CREATE INDEX role_grants_service_account ON role_grants (service_account_id);

-- Changes of roles that wait for a second person (SOX: separation of duties).
CREATE TABLE role_changes (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    change          jsonb NOT NULL,              -- the requested change
    requested_by    uuid NOT NULL,
    requested_at    timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz NOT NULL,
    decided_by      uuid,
    decided_at      timestamptz,
    decision        text CHECK (decision IN ('approved', 'rejected')),
    CHECK (decided_by <> requested_by)
);
CREATE INDEX role_changes_organization ON role_changes (organization_id, id);

CREATE TABLE invitations (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    token_hash      bytea NOT NULL CONSTRAINT invitations_token UNIQUE,
    email_index     bytea NOT NULL,
    wrapped_key     bytea NOT NULL,
    email           bytea NOT NULL,              -- sealed with the invitation's key
    role            text NOT NULL CHECK (role ~ '^[a-z][a-z0-9_]{1,62}$' AND role <> 'platform_admin'),
    invited_by      uuid NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz NOT NULL,
    ended_at        timestamptz,
    end_reason      text CHECK (end_reason IN ('accepted', 'revoked', 'replaced'))
);
CREATE UNIQUE INDEX invitations_open ON invitations (organization_id, email_index) WHERE ended_at IS NULL;

-- The roles that a person has in an organization: the membership's, the person's
-- own grants, and those of each team and the teams that it lies in. PL/pgSQL, because
-- it keeps plans from call to call: every request's caller is looked up by these.
-- +goose StatementBegin
CREATE FUNCTION roles_of(person uuid, organization uuid) RETURNS text[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN (
        WITH RECURSIVE within (id) AS (
            SELECT team_id FROM team_members WHERE user_id = person AND organization_id = organization
            UNION
            SELECT t.parent_id FROM teams t JOIN within w ON t.id = w.id WHERE t.parent_id IS NOT NULL
        ), held (role) AS (
            SELECT role FROM memberships WHERE user_id = person AND organization_id = organization AND status = 'active'
            UNION
            SELECT role FROM role_grants WHERE user_id = person AND organization_id = organization
            UNION
            SELECT role FROM role_grants WHERE team_id IN (SELECT id FROM within)
        )
        SELECT coalesce(array_agg(role ORDER BY role), '{}') FROM held
        WHERE EXISTS (SELECT FROM memberships WHERE user_id = person AND organization_id = organization AND status = 'active'));
END $$;

-- What an organization's own roles among some allow.
CREATE FUNCTION permissions_of(organization uuid, held text[]) RETURNS text[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN (SELECT coalesce(array_agg(DISTINCT p), '{}') FROM roles, unnest(permissions) p
            WHERE organization_id = organization AND name = ANY (held));
END $$;
-- +goose StatementEnd
