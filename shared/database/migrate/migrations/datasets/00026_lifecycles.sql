-- Policies that remove old versions of data sets.
-- +goose Up

CREATE TABLE dataset_lifecycles (
    dataset_id    uuid PRIMARY KEY REFERENCES datasets ON DELETE CASCADE,
    keep_versions int CHECK (keep_versions > 0), -- of each branch; NULL: the number does not matter
    keep_days     int CHECK (keep_days > 0),     -- since their creation; NULL: the age does not matter
    changed_by    uuid NOT NULL,
    changed_at    timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nonnulls(keep_versions, keep_days) > 0)
);

-- An expired version stays in the history without its rows and its file.
ALTER TABLE dataset_versions
    DROP CONSTRAINT dataset_versions_status_check,
    ADD CONSTRAINT dataset_versions_status_check CHECK (status IN ('processing', 'ready', 'failed', 'expired'));

-- The versions that no policy removes: those that are tagged, the newest and the newest ready ones of the branches,
-- those that branches began with, and those that a merge of a branch needs.
-- +goose StatementBegin
CREATE FUNCTION kept_versions(dataset uuid) RETURNS SETOF int LANGUAGE sql STABLE AS $$
    SELECT version FROM dataset_refs WHERE dataset_id = dataset
    UNION SELECT head_of(dataset, 'main')
    UNION SELECT max(version) FROM dataset_versions WHERE dataset_id = dataset GROUP BY branch
    UNION SELECT head_of(dataset, name) FROM dataset_refs WHERE dataset_id = dataset AND kind = 'branch'
    UNION SELECT common_version(dataset, head_of(dataset, 'main'), head_of(dataset, name)) FROM dataset_refs WHERE dataset_id = dataset AND kind = 'branch'
    UNION SELECT source_version FROM dataset_versions WHERE dataset_id = dataset AND status = 'processing'
    UNION SELECT common_version(dataset, head_of(dataset, branch, version), source_version) FROM dataset_versions WHERE dataset_id = dataset AND status = 'processing'
    UNION SELECT version FROM dataset_proposals WHERE dataset_id = dataset AND status = 'open'
$$;
-- +goose StatementEnd
