-- +goose Up

CREATE TABLE organizations (
    id         uuid PRIMARY KEY,
    name       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Personal fields are sealed with the person's own key (AES-256-GCM), which is
-- itself wrapped by the platform's: destroying wrapped_key erases the person here
-- and in every backup. email_index (HMAC-SHA256) finds an address without it.
CREATE TABLE users (
    id            uuid PRIMARY KEY,
    email_index   bytea NOT NULL CONSTRAINT users_email UNIQUE,
    wrapped_key   bytea NOT NULL,
    email         bytea NOT NULL,
    first_name    bytea NOT NULL,
    last_name     bytea NOT NULL,
    password_hash text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE memberships (
    user_id         uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    organization_id uuid NOT NULL CONSTRAINT memberships_organization REFERENCES organizations ON DELETE CASCADE,
    role            text NOT NULL CHECK (role IN ('owner', 'member')),
    status          text NOT NULL CHECK (status IN ('requested', 'active')),
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, organization_id)
);
CREATE INDEX memberships_organization_members ON memberships (organization_id);

CREATE TABLE sessions (
    id              uuid PRIMARY KEY,
    user_id         uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    created_at      timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz NOT NULL,
    ended_at        timestamptz,
    end_reason      text CHECK (end_reason IN ('logout', 'refresh_token_reused'))
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_over ON sessions (least(ended_at, expires_at));

-- Only the hash of a token is kept (OWASP Session Management). used_at tells a
-- token that was already exchanged: seeing it again means that it was stolen.
CREATE TABLE refresh_tokens (
    hash       bytea PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at    timestamptz
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);

CREATE TABLE signing_keys (
    kid         text PRIMARY KEY,
    public_key  bytea NOT NULL,                 -- Ed25519, 32 bytes
    sealed_seed bytea NOT NULL,                 -- wrapped by the platform's key
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE VIEW published.signing_keys AS SELECT kid, public_key, created_at FROM signing_keys;
CREATE VIEW published.sessions AS SELECT id, ended_at, expires_at FROM sessions;
CREATE VIEW published.metrics AS
    SELECT name, labels, sum(value) AS value FROM metric_counters GROUP BY name, labels
    UNION ALL
    SELECT 'user_sessions_active', '{}', count(*) FROM sessions WHERE ended_at IS NULL AND expires_at > now();

GRANT USAGE ON SCHEMA published TO token_verifier;
GRANT SELECT ON published.signing_keys, published.sessions TO token_verifier;
