-- Field identifiers of data sets as Iceberg tables.
-- +goose Up

CREATE TABLE iceberg_fields (
    dataset_id uuid NOT NULL REFERENCES datasets ON DELETE CASCADE,
    key        bytea NOT NULL, -- SHA-256 of the field's path and type family
    id         int NOT NULL,   -- never given to another field
    PRIMARY KEY (dataset_id, key),
    CONSTRAINT iceberg_fields_id UNIQUE (dataset_id, id)
);
