-- Event types end in their version. Events that wait to be sent get it here. Requests of the
-- retention sweep have a new form; the next sweep sends them again.
-- +goose Up
UPDATE outbox SET event = jsonb_set(event, '{type}', to_jsonb((event ->> 'type') || '.v1'))
WHERE event ->> 'type' LIKE 'com.appliedinnovationcorp.data.%' AND event ->> 'type' NOT LIKE '%.data.compliance.%' AND event ->> 'type' !~ '\.v[0-9]+$';
