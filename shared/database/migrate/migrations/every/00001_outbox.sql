-- Common to all databases: events that commit with the data, consumed events, and counters that
-- outlive pods.
-- +goose Up

CREATE TABLE outbox (
    id              uuid PRIMARY KEY,
    event           jsonb NOT NULL,              -- CloudEvent, structured JSON
    attempts        int NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX outbox_due ON outbox (next_attempt_at);

CREATE TABLE consumed_events (
    consumer    text NOT NULL,
    source      text NOT NULL,
    event_id    text NOT NULL,
    consumed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, source, event_id)
);
CREATE INDEX consumed_events_age ON consumed_events (consumed_at);

-- A counter is the sum of its shards: concurrent writers use different rows.
CREATE TABLE metric_counters (
    name   text NOT NULL,
    labels jsonb NOT NULL DEFAULT '{}',
    shard  smallint NOT NULL,
    value  double precision NOT NULL,
    PRIMARY KEY (name, labels, shard)
);

-- What a domain publishes to others: read-only views, granted individually.
CREATE SCHEMA published;
