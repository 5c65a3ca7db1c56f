-- People and their organizations.
-- +goose Up

CREATE TABLE organizations (
    id         uuid PRIMARY KEY,
    name       text NOT NULL CHECK (name <> ''),
    settings   jsonb NOT NULL DEFAULT '{}',     -- users.Settings; absent: the default
    created_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz                      -- when deletion was requested; restorable until the grace period ends
);
CREATE INDEX organizations_deleted ON organizations (deleted_at) WHERE deleted_at IS NOT NULL;

-- Personal fields are sealed with the person's own key (AES-256-GCM), which is wrapped by the
-- platform's key: destroying wrapped_key erases the person, except where a copy of the key is kept.
-- email_index (HMAC-SHA256) finds an address without the key.
CREATE TABLE users (
    id                  uuid PRIMARY KEY,
    email_index         bytea NOT NULL CONSTRAINT users_email UNIQUE,
    wrapped_key         bytea NOT NULL,
    email               bytea NOT NULL,
    first_name          bytea NOT NULL,
    last_name           bytea NOT NULL,
    password_hash       text,                   -- PHC string; NULL: only passkeys or another issuer
    password_changed_at timestamptz NOT NULL DEFAULT now(),
    must_change_password boolean NOT NULL DEFAULT false,
    email_verified_at   timestamptz,
    suspended_at        timestamptz,
    platform_admin      boolean NOT NULL DEFAULT false,
    profile_revision    bigint NOT NULL DEFAULT 0, -- number of changes by the person
    profile_document    uuid,                      -- the free part of the profile (shared/documents)
    created_at          timestamptz NOT NULL DEFAULT now()
);

-- Once there is a platform admin who is not suspended, there always is one, even if admins suspend
-- each other concurrently: the check runs at commit, serialized.
-- +goose StatementBegin
CREATE FUNCTION keep_a_platform_admin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('platform_admin_kept'));
    IF NOT EXISTS (SELECT FROM users WHERE platform_admin AND suspended_at IS NULL) THEN
        RAISE EXCEPTION 'the platform would have no admin'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'platform_admin_kept';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE CONSTRAINT TRIGGER platform_admin_kept AFTER UPDATE OF platform_admin, suspended_at OR DELETE ON users
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.platform_admin AND OLD.suspended_at IS NULL) EXECUTE FUNCTION keep_a_platform_admin();
CREATE INDEX users_platform_admins ON users (id) WHERE platform_admin;

CREATE TABLE memberships (
    user_id         uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    organization_id uuid NOT NULL CONSTRAINT memberships_organization REFERENCES organizations ON DELETE CASCADE,
    role            text NOT NULL CHECK (role ~ '^[a-z][a-z0-9_]{1,62}$' AND role <> 'platform_admin'), -- built in (shared/policy) or the organization's own
    status          text NOT NULL CHECK (status IN ('requested', 'active', 'suspended')),
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, organization_id)
);
CREATE INDEX memberships_organization_members ON memberships (organization_id, user_id);

-- An organization always has an owner, even if owners leave concurrently: the check runs at commit,
-- serialized per organization. An organization that is being deleted may lose its last owner, after
-- which nobody can restore it.
-- +goose StatementBegin
CREATE FUNCTION keep_an_owner() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    deleted timestamptz;
BEGIN
    SELECT deleted_at INTO deleted FROM organizations WHERE id = OLD.organization_id FOR NO KEY UPDATE;
    IF FOUND AND deleted IS NULL AND NOT EXISTS (SELECT FROM memberships WHERE organization_id = OLD.organization_id AND role = 'owner' AND status = 'active') THEN
        RAISE EXCEPTION 'organization % would have no owner', OLD.organization_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'organization_owner';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE CONSTRAINT TRIGGER organization_owner AFTER UPDATE OR DELETE ON memberships
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.role = 'owner' AND OLD.status = 'active') EXECUTE FUNCTION keep_an_owner();

-- With REGISTRATION_CONFIRMATION, an account exists only once its address is confirmed. Until then,
-- each attempt waits here separately, with its own token, which is set when it is mailed.
CREATE TABLE registrations (
    id              uuid PRIMARY KEY,
    token_hash      bytea CONSTRAINT registrations_token UNIQUE,
    email_index     bytea NOT NULL,
    user_id         uuid NOT NULL,
    wrapped_key     bytea NOT NULL,
    email           bytea NOT NULL,
    first_name      bytea NOT NULL,
    last_name       bytea NOT NULL,
    password_hash   text NOT NULL,
    organization_id uuid CONSTRAINT registrations_organization REFERENCES organizations ON DELETE CASCADE,
    expires_at      timestamptz NOT NULL
);
CREATE INDEX registrations_expired ON registrations (expires_at);
CREATE INDEX registrations_email ON registrations (email_index);

-- Identities at other issuers (OpenID Connect) and the accounts that they are linked to.
CREATE TABLE external_identities (
    id            uuid NOT NULL CONSTRAINT external_identities_id UNIQUE,
    issuer        text NOT NULL,
    subject_index bytea NOT NULL,               -- HMAC-SHA256 of `iss` and `sub` (OIDC_SUBJECT_KEY)
    user_id       uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject_index)
);
CREATE INDEX external_identities_user ON external_identities (user_id);

-- Mail that waits to be sent, sealed like personal fields because it contains addresses and tokens.
CREATE TABLE mails (
    id          uuid PRIMARY KEY,
    wrapped_key bytea NOT NULL,
    message     bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
