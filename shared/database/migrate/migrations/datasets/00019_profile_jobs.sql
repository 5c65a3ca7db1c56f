-- Versions are profiled by jobs, whose rows hold the progress. Versions being profiled now, or
-- forgotten, get a job whose event job.Rescue publishes. dataset_versions.progress remains for the
-- previous version of the functions.
-- +goose Up

INSERT INTO jobs (id, kind, key, source, event_id, event, max_attempts, due_at)
SELECT gen_random_uuid(), 'datasets-profile', d.id || '/' || v.version, '/functions/datasets-upload', e.id,
       jsonb_build_object('specversion', '1.0', 'id', e.id, 'source', '/functions/datasets-upload',
           'type', 'com.appliedinnovationcorp.data.datasets.profile_requested.v1', 'subject', d.id, 'organizationid', d.organization_id,
           'datacontenttype', 'application/json',
           'data', jsonb_build_object('dataset_id', d.id, 'organization_id', d.organization_id, 'version', v.version)),
       6, now()
FROM datasets d JOIN dataset_versions v ON v.dataset_id = d.id CROSS JOIN LATERAL (SELECT gen_random_uuid()::text AS id, v.version) AS e
WHERE v.status = 'processing' AND d.deleted_at IS NULL;
