-- Lineage outside of versions: data sets and jobs of other systems, as OpenLineage events name them, and reports. What is
-- stored is the same for every order and number of the same events.
-- +goose Up

CREATE TABLE lineage_nodes (
    id              uuid PRIMARY KEY, -- of a report: its own; otherwise computed from organization, kind, namespace and name
    organization_id uuid NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('dataset', 'job', 'report')),
    namespace       text NOT NULL,
    name            text NOT NULL,
    deleted         boolean NOT NULL DEFAULT false -- a report; news of its runs may still arrive
);
CREATE INDEX lineage_nodes_organization ON lineage_nodes (organization_id);
CREATE TRIGGER organization_erased BEFORE INSERT ON lineage_nodes FOR EACH ROW EXECUTE FUNCTION refuse_erased_organization();

CREATE TABLE lineage_runs (
    id              uuid PRIMARY KEY, -- computed from job and run_id
    organization_id uuid NOT NULL,
    job_id          uuid NOT NULL REFERENCES lineage_nodes ON DELETE CASCADE,
    run_id          uuid,             -- as the events name it; NULL: what a job or data set declares without a run
    state           text NOT NULL,    -- START, RUNNING, COMPLETE, ABORT, FAIL, OTHER; DECLARED
    state_rank      smallint NOT NULL, -- a state of a higher rank wins, and among those the newest
    state_at        timestamptz NOT NULL,
    reported_by     uuid NOT NULL,    -- who sent that state
    first_at        timestamptz NOT NULL,
    last_at         timestamptz NOT NULL,
    settled         boolean NOT NULL GENERATED ALWAYS AS (state IN ('COMPLETE', 'DECLARED')) STORED
);
CREATE INDEX lineage_runs_newest ON lineage_runs (job_id, settled, last_at, id) WHERE state NOT IN ('ABORT', 'FAIL');

CREATE TABLE lineage_run_datasets (
    run_id        uuid NOT NULL REFERENCES lineage_runs ON DELETE CASCADE,
    output        boolean NOT NULL,
    external_id   uuid REFERENCES lineage_nodes ON DELETE CASCADE,
    dataset_id    uuid REFERENCES datasets ON DELETE CASCADE,
    node          uuid NOT NULL GENERATED ALWAYS AS (coalesce(dataset_id, external_id)) STORED,
    named_version int NOT NULL DEFAULT 0, -- zero: none is named, so version follows from the times of the run
    version       int,
    columns       jsonb, -- of an output: [{to, input (a node), from, kind, transformation}], by the newest event that has them
    columns_at    timestamptz,
    CHECK (num_nonnulls(external_id, dataset_id) = 1),
    PRIMARY KEY (run_id, output, node, named_version)
);
CREATE INDEX lineage_run_datasets_version ON lineage_run_datasets (dataset_id, version, output);
CREATE INDEX lineage_run_datasets_external ON lineage_run_datasets (external_id, output);

-- Whether a reader may read a data set that is not simply open to its organization.
-- +goose StatementBegin
CREATE FUNCTION reads_otherwise(d datasets, reader jsonb) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN d.quality_of IS NULL THEN reads(d, reader) ELSE (SELECT reads(s, reader) FROM datasets s WHERE s.id = d.quality_of) END
$$;
-- +goose StatementEnd

-- Whether a reader may read a data set now. Who may read a data set may read its failing rows. PostgreSQL inlines a function
-- without a subquery, so that most rows need no call, which takes 0.1 ms.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION may_read(d datasets, reader jsonb) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN d.quality_of IS NULL AND NOT d.restricted AND d.organization_id = (reader ->> 'organization')::uuid THEN true
           ELSE reads_otherwise(d, reader) END
$$;
-- +goose StatementEnd
