-- Dead letters are redelivered with the current event types.
-- +goose Up
UPDATE platform.dead_letters SET event_type = event_type || '.v1',
    event = convert_to(replace(convert_from(event, 'UTF8'), '"type":"' || event_type || '"', '"type":"' || event_type || '.v1"'), 'UTF8')
WHERE event_type LIKE 'com.appliedinnovationcorp.data.%' AND event_type NOT LIKE '%.data.compliance.%' AND event_type !~ '\.v[0-9]+$';
