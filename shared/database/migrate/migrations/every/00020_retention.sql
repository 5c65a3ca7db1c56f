-- What a domain knows of the compliance domain's retention policies, by its events.
-- +goose Up
CREATE TABLE retention_periods (
    resource        text NOT NULL,
    organization_id uuid NOT NULL,               -- nil: the default of organizations without a row
    keep_days       int,                         -- NULL: the default again
    version         bigint NOT NULL,             -- of the change: an older one never replaces a newer one
    PRIMARY KEY (resource, organization_id)
);

-- The versions whose changes have arrived, in whatever order. A gap is a change that is
-- still under way, or lost: nothing is disposed of before it has been filled.
CREATE TABLE retention_known (
    resource text PRIMARY KEY,
    versions int8multirange NOT NULL
);
