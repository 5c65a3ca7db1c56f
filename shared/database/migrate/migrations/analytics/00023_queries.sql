-- The queries that people run, for their history and to cancel them.
-- +goose Up

CREATE TABLE queries (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    user_id         uuid NOT NULL,
    database        text NOT NULL,
    sql             text NOT NULL,
    status          text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'succeeded', 'refused', 'failed', 'cancelled')),
    started_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at         timestamptz NOT NULL DEFAULT clock_timestamp(), -- when the process that runs it last said so
    ended_at        timestamptz,
    row_count       bigint,
    truncated       boolean,
    failure         text,
    dataset_ids     uuid[] NOT NULL DEFAULT '{}', -- that it read
    cancelled_by    uuid
);
CREATE INDEX queries_of_person ON queries (organization_id, user_id, id DESC);
CREATE INDEX queries_age ON queries (started_at);
CREATE INDEX queries_person ON queries (user_id);
CREATE TRIGGER organization_erased BEFORE INSERT ON queries FOR EACH ROW EXECUTE FUNCTION refuse_erased_organization();
