-- How people are found and what they write about themselves.
-- +goose Up

-- Blind indexes (HMAC-SHA256) of the first letters of names, where an
-- organization's settings allow to search by them.
CREATE TABLE name_prefixes (
    organization_id uuid NOT NULL,
    prefix_index    bytea NOT NULL,
    user_id         uuid NOT NULL,
    PRIMARY KEY (organization_id, prefix_index, user_id),
    FOREIGN KEY (user_id, organization_id) REFERENCES memberships (user_id, organization_id) ON DELETE CASCADE
);
CREATE INDEX name_prefixes_user ON name_prefixes (user_id, organization_id);

-- Whoever changes a name or the setting, what was indexed is forgotten with it.
-- +goose StatementBegin
CREATE FUNCTION forget_name_prefixes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'users' THEN
        DELETE FROM name_prefixes WHERE user_id = NEW.id;
    ELSE
        DELETE FROM name_prefixes WHERE organization_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER name_changed AFTER UPDATE OF first_name, last_name ON users
    FOR EACH ROW EXECUTE FUNCTION forget_name_prefixes();
CREATE TRIGGER search_disallowed AFTER UPDATE OF settings ON organizations
    FOR EACH ROW WHEN ((NEW.settings ->> 'search_by_name') IS DISTINCT FROM 'true') EXECUTE FUNCTION forget_name_prefixes();

-- The free part of a profile, where no document database is configured. Sealed
-- with the person's key.
CREATE TABLE profile_documents (
    user_id    uuid PRIMARY KEY,
    document   bytea NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);

-- What a provisioning system calls a person or team of the organization (SCIM).
CREATE TABLE provisioned (
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    kind            text NOT NULL CHECK (kind IN ('User', 'Group')),
    resource_id     uuid NOT NULL,
    external_id     text,
    user_name_index bytea,                       -- HMAC-SHA256 of userName
    attributes      bytea NOT NULL,              -- what SCIM set and no column holds, sealed
    created_at      timestamptz NOT NULL DEFAULT now(),
    changed_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, kind, resource_id)
);
CREATE UNIQUE INDEX provisioned_external ON provisioned (organization_id, kind, external_id) WHERE external_id IS NOT NULL;
