-- +goose Up
CREATE TABLE reports (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    name            text NOT NULL,
    query           text NOT NULL,
    database        text NOT NULL,
    parameters      json NOT NULL,               -- json rather than jsonb, to keep it as written
    visualization   text NOT NULL CHECK (visualization IN ('chart', 'table')),
    schedule        text,                        -- cron, five fields
    timezone        text NOT NULL,
    next_run_at     timestamptz,
    created_by      uuid NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX reports_organization ON reports (organization_id, id);
CREATE INDEX reports_due ON reports (next_run_at) WHERE next_run_at IS NOT NULL;

CREATE TRIGGER organization_erased BEFORE INSERT ON reports FOR EACH ROW EXECUTE FUNCTION refuse_erased_organization();

CREATE TABLE report_runs (
    id              uuid PRIMARY KEY,
    report_id       uuid NOT NULL REFERENCES reports ON DELETE CASCADE,
    organization_id uuid NOT NULL,
    scheduled_for   timestamptz,                 -- NULL: started by a person
    status          text NOT NULL CHECK (status IN ('queued', 'running', 'succeeded', 'failed')),
    columns         json,                        -- [{name, type}]
    rows            json,
    row_count       int,
    truncated       bool NOT NULL DEFAULT false,
    chart           text,                        -- SVG
    chart_failure   text,                        -- why there is none, for people to read
    failure         text,                        -- why it failed, for people to read
    queued_at       timestamptz NOT NULL DEFAULT now(),
    started_at      timestamptz,
    finished_at     timestamptz,
    -- Each due time has one run, however many schedulers wake.
    CONSTRAINT report_runs_once UNIQUE (report_id, scheduled_for)
);
CREATE INDEX report_runs_report ON report_runs (report_id, id);

CREATE VIEW published.metrics AS
    SELECT name, labels, sum(value) AS value FROM metric_counters GROUP BY name, labels
    UNION ALL
    SELECT 'audit_unsealed_seconds', '{"trail": "analytics"}', coalesce(extract(epoch FROM now() - min(at)), 0) FROM audit_entries WHERE seq IS NULL;
