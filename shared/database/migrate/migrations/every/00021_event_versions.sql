-- The types of events end in their version. What waits to be sent gets it here; requests
-- of the retention sweep have another shape now, and tonight's ask again.
-- +goose Up
UPDATE outbox SET event = jsonb_set(event, '{type}', to_jsonb((event ->> 'type') || '.v1'))
WHERE event ->> 'type' LIKE 'com.appliedinnovationcorp.data.%' AND event ->> 'type' NOT LIKE '%.data.compliance.%' AND event ->> 'type' !~ '\.v[0-9]+$';
