-- Corrections for organizations: settings that were stored but not in force, names that look the
-- same, owners who cannot log in, and rules that nobody could end.
-- +goose Up

-- A setting whose name was sent in another case was shown but never enforced; from now on, it is
-- enforced as shown. Of several spellings the last one counted, which is correct.
UPDATE organizations SET settings = (SELECT jsonb_object_agg(lower(key), value ORDER BY key COLLATE "C") FROM jsonb_each(settings))
WHERE EXISTS (SELECT FROM jsonb_object_keys(settings) AS key WHERE key <> lower(key));

-- Names that people would mistake for each other. Of the existing ones, the oldest keeps its name.
CREATE FUNCTION plain_name(name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN lower(translate(normalize(name, NFKC), U&'\200C\200D', ''));
UPDATE teams SET name = name || ' ' || id WHERE EXISTS (
    SELECT FROM teams t WHERE t.organization_id = teams.organization_id AND t.id < teams.id
        AND plain_name(t.name) = plain_name(teams.name));
ALTER TABLE teams DROP CONSTRAINT teams_name;
CREATE UNIQUE INDEX teams_name ON teams (organization_id, plain_name(name));
UPDATE service_accounts SET name = name || ' ' || id WHERE EXISTS (
    SELECT FROM service_accounts a WHERE a.organization_id = service_accounts.organization_id AND a.id < service_accounts.id
        AND plain_name(a.name) = plain_name(service_accounts.name));
ALTER TABLE service_accounts DROP CONSTRAINT service_accounts_name;
CREATE UNIQUE INDEX service_accounts_name ON service_accounts (organization_id, plain_name(name));

-- An owner whose account is suspended by the platform cannot act and does not count. The platform
-- may always suspend the last owner: being an owner protects nobody from suspension.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION keep_an_owner() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    deleted timestamptz;
BEGIN
    SELECT deleted_at INTO deleted FROM organizations WHERE id = OLD.organization_id FOR NO KEY UPDATE;
    IF FOUND AND deleted IS NULL AND NOT EXISTS (
        SELECT FROM memberships m JOIN users u ON u.id = m.user_id
        WHERE m.organization_id = OLD.organization_id AND m.role = 'owner' AND m.status = 'active' AND u.suspended_at IS NULL) THEN
        RAISE EXCEPTION 'organization % would have no owner', OLD.organization_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'organization_owner';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- The requester of a change can withdraw it, and an owner alone can end the rule of the second
-- person after a period in which all others could reject it.
ALTER TABLE role_changes
    ADD COLUMN alone_from timestamptz,
    DROP CONSTRAINT role_changes_decision_check,
    ADD CONSTRAINT role_changes_decision CHECK (decision IN ('approved', 'rejected', 'withdrawn')),
    DROP CONSTRAINT role_changes_check,
    ADD CONSTRAINT role_changes_second_person CHECK (decided_by <> requested_by OR decision = 'withdrawn' OR coalesce(decided_at >= alone_from, false));
