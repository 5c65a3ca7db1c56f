-- What people have consented to (GDPR Articles 6, 7): each purpose, each version of its text, and
-- every decision with its proof.
-- +goose Up

CREATE TABLE purposes (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    name            text NOT NULL CHECK (name ~ '^[a-z][a-z0-9_]{1,62}$'),
    created_at      timestamptz NOT NULL DEFAULT now(),
    retired_at      timestamptz,
    CONSTRAINT purposes_name UNIQUE (organization_id, name)
);

CREATE TABLE purpose_texts (
    purpose_id   uuid NOT NULL REFERENCES purposes ON DELETE CASCADE,
    version      int NOT NULL,
    text         text NOT NULL,
    text_sha256  bytea NOT NULL,
    published_by uuid NOT NULL,
    published_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (purpose_id, version)
);

-- Rows never change: the last one per person and purpose applies.
CREATE TABLE consent_decisions (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    user_id         uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    purpose_id      uuid NOT NULL,
    number          int NOT NULL,                -- from 1, per person and purpose: clocks of different machines differ
    version         int NOT NULL,
    given           boolean NOT NULL,
    session_id      uuid,                        -- NULL: with another issuer's token
    address         bytea,                       -- sealed with the person's key
    device          bytea,                       -- sealed with the person's key
    decided_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT consent_decisions_number UNIQUE (user_id, purpose_id, number),
    FOREIGN KEY (purpose_id, version) REFERENCES purpose_texts
);
CREATE INDEX consent_decisions_person ON consent_decisions (user_id, organization_id, id);
CREATE INDEX consent_decisions_purpose ON consent_decisions (purpose_id, user_id, number DESC);

-- +goose StatementBegin
CREATE FUNCTION consent_is_never_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'decisions and the texts that they are about are never changed' USING ERRCODE = 'check_violation', CONSTRAINT = 'consent_never_changed';
END $$;
-- +goose StatementEnd
CREATE TRIGGER consent_never_changed BEFORE UPDATE ON consent_decisions FOR EACH ROW EXECUTE FUNCTION consent_is_never_changed();
CREATE TRIGGER consent_never_changed BEFORE UPDATE ON purpose_texts FOR EACH ROW EXECUTE FUNCTION consent_is_never_changed();
