-- How people are found, and what they write about themselves.
-- +goose Up

-- Blind indexes (HMAC-SHA256) of the first letters of names, if the organization's settings allow
-- searching by name.
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

-- Documents, if no document database is configured (shared/documents). The free part of a profile
-- is one, sealed with the person's key.
CREATE TABLE documents (
    collection text NOT NULL,
    id         uuid NOT NULL,
    body       bytea NOT NULL,
    PRIMARY KEY (collection, id)
);

-- People whom a provisioning system has named to the organization (SCIM). A person with an account
-- elsewhere belongs to the organization only after accepting its invitation: until then user_id is
-- NULL and the row has its own key.
CREATE TABLE provisioned_people (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    user_id         uuid,
    owns_account    boolean NOT NULL DEFAULT false, -- the account was opened for this row
    email_index     bytea NOT NULL,              -- of the address by which an account is found
    user_name_index bytea NOT NULL,              -- HMAC-SHA256 of userName
    external_index  bytea,                       -- HMAC-SHA256 of externalId
    wrapped_key     bytea,                       -- NULL: the person's own
    attributes      bytea NOT NULL,              -- what SCIM set, sealed
    created_at      timestamptz NOT NULL DEFAULT now(),
    changed_at      timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nonnulls(user_id, wrapped_key) = 1),
    CONSTRAINT provisioned_people_member FOREIGN KEY (user_id, organization_id) REFERENCES memberships (user_id, organization_id) ON DELETE CASCADE,
    CONSTRAINT provisioned_people_person UNIQUE (organization_id, user_id),
    CONSTRAINT provisioned_people_email UNIQUE (organization_id, email_index),
    CONSTRAINT provisioned_people_user_name UNIQUE (organization_id, user_name_index),
    CONSTRAINT provisioned_people_external UNIQUE (organization_id, external_index)
);
CREATE INDEX provisioned_people_members ON provisioned_people (user_id, organization_id);

-- Teams that a provisioning system manages.
CREATE TABLE provisioned_teams (
    team_id         uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    external_id     text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    changed_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT provisioned_teams_team FOREIGN KEY (organization_id, team_id) REFERENCES teams (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT provisioned_teams_external UNIQUE (organization_id, external_id)
);

-- People whom a provisioning system has added to a team and who have not yet accepted the
-- organization's invitation.
CREATE TABLE provisioned_waiting (
    team_id   uuid NOT NULL REFERENCES provisioned_teams ON DELETE CASCADE,
    person_id uuid NOT NULL REFERENCES provisioned_people ON DELETE CASCADE,
    PRIMARY KEY (team_id, person_id)
);
CREATE INDEX provisioned_waiting_person ON provisioned_waiting (person_id);
