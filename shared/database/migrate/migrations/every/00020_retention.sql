-- What a domain knows of the compliance domain's retention policies, from its events.
-- +goose Up
CREATE TABLE retention_periods (
    resource        text NOT NULL,
    organization_id uuid NOT NULL,               -- nil: the default of organizations without a row
    keep_days       int,                         -- NULL: the default again
    version         bigint NOT NULL,             -- of the change: an older one never replaces a newer one
    PRIMARY KEY (resource, organization_id)
);

-- The versions whose changes have arrived, in any order. A gap is a change that is still on its way
-- or was lost: nothing is deleted before it has been filled.
CREATE TABLE retention_known (
    resource text PRIMARY KEY,
    versions int8multirange NOT NULL
);
