-- Credentials, and the protection against guessing them.
-- +goose Up

-- Single-use tokens sent by mail; only their hashes are stored.
CREATE TABLE mailed_tokens (
    hash       bytea PRIMARY KEY,
    purpose    text NOT NULL CHECK (purpose IN ('password_reset', 'email_verification', 'email_change', 'unlock')),
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    email      bytea,                            -- the new address, sealed with the person's key
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX mailed_tokens_user ON mailed_tokens (user_id, purpose);
CREATE INDEX mailed_tokens_expired ON mailed_tokens (expires_at);

-- Addresses for which a new password was requested. Whether they have an account is looked up
-- later, not while the requester waits for a response.
CREATE TABLE password_reset_requests (
    id           uuid PRIMARY KEY,
    email_index  bytea NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now()
);

-- Earlier passwords, as many as a policy requires.
CREATE TABLE password_history (
    user_id       uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    replaced_at   timestamptz NOT NULL DEFAULT now(),
    password_hash text NOT NULL,
    PRIMARY KEY (user_id, replaced_at)
);

CREATE TABLE totp_secrets (
    user_id      uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    secret       bytea NOT NULL,                 -- sealed with the person's key (RFC 6238)
    created_at   timestamptz NOT NULL DEFAULT now(),
    confirmed_at timestamptz,                    -- NULL: not in use yet
    last_step    bigint NOT NULL DEFAULT 0       -- of the newest code used; no code is valid twice
);

CREATE TABLE passkeys (
    id            uuid PRIMARY KEY,
    user_id       uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    credential_id bytea NOT NULL CONSTRAINT passkeys_credential UNIQUE, -- of WebAuthn
    name          bytea NOT NULL,                -- sealed with the person's key
    credential    bytea NOT NULL,                -- public key, flags, sign count (WebAuthn credential record); sealed
    created_at    timestamptz NOT NULL DEFAULT now(),
    last_used_at  timestamptz
);
CREATE INDEX passkeys_user ON passkeys (user_id);

CREATE TABLE recovery_codes (
    hash    bytea PRIMARY KEY,                   -- HMAC-SHA256
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    used_at timestamptz
);
CREATE INDEX recovery_codes_user ON recovery_codes (user_id);

-- Something that the next request completes, once: a login that waits for its second factor, or a
-- passkey ceremony.
CREATE TABLE challenges (
    hash       bytea PRIMARY KEY,                -- of the token that the caller has
    purpose    text NOT NULL CHECK (purpose IN ('second_factor', 'passkey_registration', 'passkey_login', 'passkey_second_factor')),
    user_id    uuid REFERENCES users ON DELETE CASCADE,
    data       jsonb NOT NULL DEFAULT '{}',
    attempts   int NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL
);
CREATE INDEX challenges_expired ON challenges (expires_at);

-- Consecutive wrong guesses of a second factor or a step-up proof.
CREATE TABLE guesses (
    key           bytea PRIMARY KEY,             -- HMAC-SHA256 of the person or the session
    guesses       int NOT NULL,
    last_at       timestamptz NOT NULL,
    blocked_until timestamptz NOT NULL
);
CREATE INDEX guesses_age ON guesses (last_at);

-- Consecutive failures per account, address and pair of both, all as HMACs, whether or not the
-- account exists. How long a key is blocked follows from its failures and the time of the latest
-- (users.Attempt).
CREATE TABLE login_failures (
    key            bytea PRIMARY KEY,
    account        bytea,                        -- of the account and its pairs; an unlock clears them
    failures       int NOT NULL,
    last_failed_at timestamptz NOT NULL
);
CREATE INDEX login_failures_account ON login_failures (account);
CREATE INDEX login_failures_age ON login_failures (last_failed_at);

-- GCRA: the theoretical arrival time of each key. A crash that loses it resets the limits. Only the
-- key is indexed, so that an update stays within its page.
CREATE UNLOGGED TABLE rate_limits (
    key bytea PRIMARY KEY,
    tat timestamptz NOT NULL
) WITH (fillfactor = 50);
