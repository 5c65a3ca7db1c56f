-- +goose Up
ALTER TABLE reports DROP CONSTRAINT reports_visualization_check;
ALTER TABLE reports ADD CONSTRAINT reports_visualization_check
    CHECK (visualization IN ('chart', 'line', 'bar', 'area', 'scatter', 'table'));

ALTER TABLE report_runs ADD attempts int NOT NULL DEFAULT 0;  -- deliveries of its event that began to run it
CREATE INDEX report_runs_open ON report_runs (queued_at) WHERE finished_at IS NULL;
