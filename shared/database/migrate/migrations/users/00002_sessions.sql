-- Sessions, their tokens, and the signing keys.
-- +goose Up

CREATE TABLE sessions (
    id               uuid PRIMARY KEY,
    user_id          uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    organization_id  uuid NOT NULL REFERENCES organizations ON DELETE CASCADE, -- in which the person acts
    methods          text[] NOT NULL DEFAULT '{pwd}',  -- authentication methods (RFC 8176)
    authenticated_at timestamptz NOT NULL DEFAULT now(),
    second_factor_at timestamptz,                      -- the latest proof with a second factor
    device           bytea,                            -- User-Agent, sealed with the person's key
    address          bytea,                            -- sealed with the person's key
    address_index    bytea,                            -- HMAC-SHA256: identifies an address that the person has used before
    country          text,                             -- ISO 3166-1 alpha-2, of the address
    impersonator_id  uuid,                             -- the platform admin who impersonates the person
    created_at       timestamptz NOT NULL DEFAULT now(),
    refreshed_at     timestamptz NOT NULL DEFAULT now(),
    absolute_end     timestamptz NOT NULL DEFAULT 'infinity',
    expires_at       timestamptz NOT NULL,             -- the idle timeout, never after absolute_end
    ended_at         timestamptz,
    end_reason       text CHECK (end_reason IN ('logout', 'refresh_token_reused', 'revoked', 'password_changed', 'suspended', 'left'))
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_organization ON sessions (organization_id);
CREATE INDEX sessions_over ON sessions (least(ended_at, expires_at));

-- Only the hash of a token is stored (OWASP Session Management). used_at marks a token that was
-- exchanged: if it is used again, it was stolen.
CREATE TABLE refresh_tokens (
    hash       bytea PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at    timestamptz
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);

-- A key is published before it signs and still verifies afterwards; see shared/auth for the
-- overlap.
CREATE TABLE signing_keys (
    kid         text PRIMARY KEY,
    public_key  bytea NOT NULL,                 -- Ed25519, 32 bytes
    sealed_seed bytea NOT NULL,                 -- wrapped by the platform's key
    created_at  timestamptz NOT NULL DEFAULT now(),
    signs_from  timestamptz NOT NULL DEFAULT now(),
    retired_at  timestamptz                     -- no token that it signed is valid any more
);

-- Keys that signed statements which are verified for longer than the keys sign: audit checkpoints.
CREATE TABLE statement_keys (
    kid        text PRIMARY KEY,
    public_key bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE service_accounts (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    name            text NOT NULL CHECK (name <> ''),
    created_by      uuid NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    disabled_at     timestamptz,
    CONSTRAINT service_accounts_name UNIQUE (organization_id, name)
);

-- A key acts as a person or as a service account, within its scopes.
CREATE TABLE api_keys (
    id                 uuid PRIMARY KEY,
    organization_id    uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    user_id            uuid REFERENCES users ON DELETE CASCADE,
    service_account_id uuid REFERENCES service_accounts ON DELETE CASCADE,
    name               text NOT NULL CHECK (name <> ''),
    scopes             text[] NOT NULL,         -- permissions
    created_at         timestamptz NOT NULL DEFAULT now(),
    revoked_at         timestamptz,
    last_used_at       timestamptz,
    CHECK (num_nonnulls(user_id, service_account_id) = 1)
);
CREATE INDEX api_keys_organization ON api_keys (organization_id, id);
CREATE INDEX api_keys_user ON api_keys (user_id);
CREATE INDEX api_keys_service_account ON api_keys (service_account_id);

-- The secrets of keys. A rotated key also has an older secret, which remains valid while its
-- callers switch to the new one.
CREATE TABLE api_key_secrets (
    hash       bytea PRIMARY KEY,               -- SHA-256; the secret has 256 random bits
    key_id     uuid NOT NULL REFERENCES api_keys ON DELETE CASCADE,
    hint       text NOT NULL,                   -- its last four characters
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX api_key_secrets_key ON api_key_secrets (key_id, created_at DESC);
