-- +goose Up

CREATE OR REPLACE VIEW published.metrics AS
    SELECT name, labels, sum(value) AS value FROM metric_counters GROUP BY name, labels
    UNION ALL
    SELECT 'datasets_total', jsonb_build_object('status', status), count(*)
    FROM datasets WHERE deleted_at IS NULL GROUP BY status
    UNION ALL
    SELECT 'audit_unsealed_seconds', '{"trail": "datasets"}', coalesce(extract(epoch FROM now() - min(at)), 0) FROM audit_entries WHERE seq IS NULL
    UNION ALL
    SELECT 'outbox_oldest_seconds', '{"database": "data_management_db"}', coalesce(extract(epoch FROM now() - (SELECT created_at FROM outbox ORDER BY id LIMIT 1)), 0);
