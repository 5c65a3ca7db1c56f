-- +goose Up
CREATE SCHEMA platform;

-- Events that could not be delivered, with the reason.
CREATE TABLE platform.dead_letters (
    id              uuid PRIMARY KEY,
    organization_id uuid,
    source          text NOT NULL,
    event_id        text NOT NULL,
    event_type      text NOT NULL,
    destination     text NOT NULL,
    event           jsonb NOT NULL,
    status_code     int,
    reason          text NOT NULL,
    deliveries      int NOT NULL DEFAULT 1,
    received_at     timestamptz NOT NULL DEFAULT now(),
    redelivered_at  timestamptz,
    CONSTRAINT dead_letter UNIQUE (source, event_id, destination)
);
CREATE INDEX dead_letters_organization ON platform.dead_letters (organization_id, id);
