-- Report runs are jobs. Open runs get one whose event job.Rescue publishes. report_runs.attempts
-- remains for the previous version of the functions.
-- +goose Up

INSERT INTO jobs (id, kind, key, source, event_id, event, max_attempts, due_at)
SELECT gen_random_uuid(), 'analytics-run-report', run.id, '/functions/analytics-start-run', e.id,
       jsonb_build_object('specversion', '1.0', 'id', e.id, 'source', '/functions/analytics-start-run',
           'type', 'com.appliedinnovationcorp.data.analytics.report_run_requested.v1', 'subject', run.id, 'organizationid', run.organization_id,
           'datacontenttype', 'application/json',
           'data', jsonb_build_object('run_id', run.id, 'report_id', run.report_id, 'organization_id', run.organization_id)),
       6, now()
FROM report_runs run CROSS JOIN LATERAL (SELECT gen_random_uuid()::text AS id, run.id AS run_id) AS e
WHERE run.finished_at IS NULL;
