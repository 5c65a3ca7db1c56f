-- What proves who a person is, and what stands in the way of those who are not.
-- +goose Up

-- Single-use tokens sent by mail: only their hashes.
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

-- Addresses that somebody asked a new password for, until it is looked up whether
-- they have an account: not while the asker waits for an answer.
CREATE TABLE password_reset_requests (
    id           uuid PRIMARY KEY,
    email_index  bytea NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now()
);

-- Earlier passwords, as far back as a policy looks.
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
    last_step    bigint NOT NULL DEFAULT 0       -- of the newest code used: none is good twice
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

-- Something begun that the next request completes, once: a login that waits for
-- its second factor, a passkey's ceremony.
CREATE TABLE challenges (
    hash       bytea PRIMARY KEY,                -- of the token that the caller holds
    purpose    text NOT NULL CHECK (purpose IN ('second_factor', 'passkey_registration', 'passkey_login', 'passkey_second_factor')),
    user_id    uuid REFERENCES users ON DELETE CASCADE,
    data       jsonb NOT NULL DEFAULT '{}',
    attempts   int NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL
);
CREATE INDEX challenges_expired ON challenges (expires_at);

-- Guesses in a row at a second factor, or at the proof of a step-up.
CREATE TABLE guesses (
    key           bytea PRIMARY KEY,             -- HMAC-SHA256, of the person or the session
    guesses       int NOT NULL,
    last_at       timestamptz NOT NULL,
    blocked_until timestamptz NOT NULL
);
CREATE INDEX guesses_age ON guesses (last_at);

-- Failures in a row, per account, address, and the pair of them, all as HMACs:
-- whether an account exists makes no difference. How long a key is blocked follows
-- from its failures and the time of the newest (users.Attempt).
CREATE TABLE login_failures (
    key            bytea PRIMARY KEY,
    account        bytea,                        -- of the account and its pairs: what an unlock clears
    failures       int NOT NULL,
    last_failed_at timestamptz NOT NULL
);
CREATE INDEX login_failures_account ON login_failures (account);
CREATE INDEX login_failures_age ON login_failures (last_failed_at);

-- GCRA: the theoretical arrival time of each key. Losing it in a crash forgives.
-- Only the key is indexed, so that an update stays within its page.
CREATE UNLOGGED TABLE rate_limits (
    key bytea PRIMARY KEY,
    tat timestamptz NOT NULL
) WITH (fillfactor = 50);
