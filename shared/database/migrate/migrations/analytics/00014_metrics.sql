-- +goose Up

-- A dead letter that was sent again since it failed last is none any more.
CREATE OR REPLACE VIEW published.metrics AS
    SELECT name, labels, sum(value) AS value FROM metric_counters GROUP BY name, labels
    UNION ALL
    SELECT 'audit_unsealed_seconds', '{"trail": "analytics"}', coalesce(extract(epoch FROM now() - min(at)), 0) FROM audit_entries WHERE seq IS NULL
    UNION ALL
    SELECT 'outbox_oldest_seconds', '{"database": "analytics_db"}', coalesce(extract(epoch FROM now() - (SELECT created_at FROM outbox ORDER BY id LIMIT 1)), 0)
    UNION ALL
    SELECT 'dead_letters', jsonb_build_object('event_type', event_type), count(*)
    FROM platform.dead_letters WHERE redelivered_at IS NULL OR redelivered_at < failed_at GROUP BY event_type;
