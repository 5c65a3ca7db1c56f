-- +goose Up

-- The index of ended sessions also counts those that have not ended, and events that nobody
-- receives show up before anybody misses them.
CREATE OR REPLACE VIEW published.metrics AS
    SELECT name, labels, sum(value) AS value FROM metric_counters GROUP BY name, labels
    UNION ALL
    SELECT 'user_sessions_active', '{}', count(*) FROM sessions WHERE least(ended_at, expires_at) > now()
    UNION ALL
    SELECT 'audit_unsealed_seconds', '{"trail": "users"}', coalesce(extract(epoch FROM now() - min(at)), 0) FROM audit_entries WHERE seq IS NULL
    UNION ALL
    SELECT 'outbox_oldest_seconds', '{"database": "user_management_db"}', coalesce(extract(epoch FROM now() - (SELECT created_at FROM outbox ORDER BY id LIMIT 1)), 0);
