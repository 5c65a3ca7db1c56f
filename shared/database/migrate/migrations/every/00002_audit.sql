-- The audit trail: a row for each action and each refusal, written in the action's transaction.
-- platform-seal-audit numbers and chains the rows of each organization afterwards, so that actions
-- do not wait for each other.
-- +goose Up

CREATE TABLE audit_entries (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL,               -- nil: none
    at              timestamptz NOT NULL,
    actor_kind      text NOT NULL CHECK (actor_kind IN ('person', 'service_account', 'platform', 'nobody')),
    actor_id        uuid NOT NULL,
    impersonator_id uuid,                        -- the admin who impersonated the actor
    action          text NOT NULL,               -- resource:verb, such as members:approve
    resource_id     text NOT NULL DEFAULT '',
    result          text NOT NULL CHECK (result IN ('done', 'refused')),
    reason          text NOT NULL DEFAULT '',
    network         text NOT NULL DEFAULT '',    -- of the caller, /24 or /48 rather than the address
    trace_id        text NOT NULL DEFAULT '',
    detail          jsonb NOT NULL DEFAULT '{}', -- identifiers and settings, never personal data
    seq             bigint,                      -- from 1 without gaps, per organization
    previous_hash   bytea,
    hash            bytea,
    CONSTRAINT audit_entries_sealed CHECK (num_nonnulls(seq, previous_hash, hash) IN (0, 3)),
    CONSTRAINT audit_entries_seq UNIQUE (organization_id, seq)
);
CREATE INDEX audit_entries_unsealed ON audit_entries (organization_id, id) WHERE seq IS NULL;
CREATE INDEX audit_entries_newest ON audit_entries (organization_id, id DESC);
CREATE INDEX audit_entries_actor ON audit_entries (organization_id, actor_id, id DESC);
CREATE INDEX audit_entries_resource ON audit_entries (organization_id, resource_id, id DESC) WHERE resource_id <> '';

CREATE TABLE audit_checkpoints (
    organization_id uuid NOT NULL,
    seq             bigint NOT NULL,
    hash            bytea NOT NULL,
    signed_at       timestamptz NOT NULL,
    statement       text NOT NULL,               -- JWS (RFC 7515): audit.Checkpoint
    PRIMARY KEY (organization_id, seq)
);

-- +goose StatementBegin
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'audit_entries' THEN
        IF OLD.seq IS NULL AND NEW.seq IS NOT NULL THEN
            OLD.seq := NEW.seq; OLD.previous_hash := NEW.previous_hash; OLD.hash := NEW.hash;
            IF OLD IS NOT DISTINCT FROM NEW THEN
                RETURN NEW; -- sealed
            END IF;
        END IF;
    END IF;
    RAISE EXCEPTION 'audit entries are never changed or removed' USING ERRCODE = 'check_violation', CONSTRAINT = 'audit_append_only';
END $$;
-- +goose StatementEnd
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_entries FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_checkpoints FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_never_truncated BEFORE TRUNCATE ON audit_entries EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_never_truncated BEFORE TRUNCATE ON audit_checkpoints EXECUTE FUNCTION audit_is_append_only();
