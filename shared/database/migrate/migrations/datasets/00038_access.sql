-- Who may read a data set, and what of it: restricted data sets, shares, and policies for rows and columns.
-- +goose Up

ALTER TABLE datasets
    ADD COLUMN owner_id uuid,                             -- NULL: whoever created it
    ADD COLUMN restricted boolean NOT NULL DEFAULT false; -- members need a share, unless they own it or govern data sets

CREATE TABLE dataset_shares (
    id           uuid PRIMARY KEY,
    dataset_id   uuid NOT NULL REFERENCES datasets ON DELETE CASCADE,
    grantee_kind text NOT NULL CHECK (grantee_kind IN ('user', 'team', 'organization')),
    grantee_id   uuid NOT NULL,
    purpose      text NOT NULL,
    expires_at   timestamptz, -- NULL: when it is revoked
    granted_by   uuid NOT NULL,
    granted_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT dataset_shares_grantee UNIQUE (grantee_id, dataset_id)
);
CREATE INDEX dataset_shares_dataset ON dataset_shares (dataset_id, id);

CREATE TABLE dataset_access_requests (
    id           uuid PRIMARY KEY,
    dataset_id   uuid NOT NULL REFERENCES datasets ON DELETE CASCADE,
    requested_by uuid NOT NULL,
    purpose      text NOT NULL,
    days         int, -- how long access is wanted; NULL: until it is revoked
    status       text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'approved', 'declined')),
    requested_at timestamptz NOT NULL DEFAULT now(),
    decided_by   uuid,
    decided_at   timestamptz,
    comment      text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX dataset_access_requests_open ON dataset_access_requests (dataset_id, requested_by) WHERE status = 'open';
CREATE INDEX dataset_access_requests_dataset ON dataset_access_requests (dataset_id, id);

CREATE TABLE dataset_policies (
    dataset_id uuid NOT NULL REFERENCES datasets ON DELETE CASCADE,
    name       text NOT NULL,
    policy     jsonb NOT NULL, -- access.Policy
    changed_by uuid NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (dataset_id, name)
);

-- Whether a reader, an access.Reader, may read a data set that is not that of another's failing rows.
-- +goose StatementBegin
CREATE FUNCTION reads(d datasets, reader jsonb) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT d.organization_id = (reader ->> 'organization')::uuid
           AND (NOT d.restricted OR (reader ->> 'governs')::boolean OR coalesce(d.owner_id, d.created_by) = (reader ->> 'user')::uuid)
        OR EXISTS (
            SELECT FROM dataset_shares s
            WHERE s.dataset_id = d.id AND (s.expires_at IS NULL OR s.expires_at > now())
              AND s.grantee_id = ANY (ARRAY(SELECT jsonb_array_elements_text(reader -> 'principals')::uuid)))
$$;
-- +goose StatementEnd

-- Whether a reader may read a data set now. Who may read a data set may read its failing rows.
-- +goose StatementBegin
CREATE FUNCTION may_read(d datasets, reader jsonb) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN d.quality_of IS NULL THEN reads(d, reader) ELSE (SELECT reads(s, reader) FROM datasets s WHERE s.id = d.quality_of) END
$$;
-- +goose StatementEnd

-- Whether a reader may change a data set, with the permission to change data sets.
-- +goose StatementBegin
CREATE FUNCTION may_change(d datasets, reader jsonb) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT d.organization_id = (reader ->> 'organization')::uuid AND may_read(d, reader)
$$;
-- +goose StatementEnd

-- The policies of a data set, which apply to its failing rows too; [] if it has none.
-- +goose StatementBegin
CREATE FUNCTION policies_of(dataset uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(policy || jsonb_build_object('name', name) ORDER BY name), '[]') FROM dataset_policies
    WHERE dataset_id = (SELECT coalesce(quality_of, id) FROM datasets WHERE id = dataset)
$$;
-- +goose StatementEnd
