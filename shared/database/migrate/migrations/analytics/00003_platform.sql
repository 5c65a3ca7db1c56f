-- +goose Up
CREATE SCHEMA platform;

-- Events that could not be delivered, with the reason. An event that fails again at the same
-- destination, such as after a redelivery, is the same dead letter.
CREATE TABLE platform.dead_letters (
    id              uuid PRIMARY KEY,
    organization_id uuid,                        -- NULL: the platform's own, which no organization can see
    source          text NOT NULL,
    event_id        text NOT NULL,
    event_type      text NOT NULL,
    destination     text NOT NULL,
    event           bytea NOT NULL,              -- CloudEvent, structured JSON; data that is not JSON in base64
    status_code     int,                         -- NULL: no response from the destination
    reason          text NOT NULL,
    deliveries      int NOT NULL DEFAULT 1,
    failed_at       timestamptz NOT NULL DEFAULT now(),
    redelivered_at  timestamptz,                 -- before failed_at: it failed again
    CONSTRAINT dead_letter UNIQUE (source, event_id, destination)
);
CREATE TRIGGER organization_erased BEFORE INSERT ON platform.dead_letters
    FOR EACH ROW WHEN (NEW.organization_id IS NOT NULL) EXECUTE FUNCTION skip_erased_organization();
CREATE INDEX dead_letters_organization ON platform.dead_letters (organization_id, id);
