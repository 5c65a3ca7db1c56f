-- Whom a storm of wrong passwords does not keep out, and what a login's tokens say.
-- +goose Up

-- Where people have logged in from: guesses from elsewhere do not make them wait there.
-- The newest of a person (users.rememberSource). The index is of the address that they
-- log in with, too, so that it is found before the account, and without it.
CREATE TABLE known_sources (
    source_index bytea PRIMARY KEY,             -- HMAC-SHA256 of email_index and the source: an IPv4 address, an IPv6 /64
    user_id      uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    last_seen_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX known_sources_user ON known_sources (user_id, last_seen_at);

-- Whoever gets the former address one day is somebody else.
-- +goose StatementBegin
CREATE FUNCTION forget_known_sources() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM known_sources WHERE user_id = NEW.id;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER address_changed AFTER UPDATE OF email_index ON users
    FOR EACH ROW WHEN (OLD.email_index <> NEW.email_index) EXECUTE FUNCTION forget_known_sources();

-- Of a pair, its source: an address is slowed down by how many accounts it has failed
-- at, so that a right password, or an unlock, takes back what its account has added.
-- (sessions.address_index and rows of an address alone are written no more.)
ALTER TABLE login_failures ADD COLUMN source bytea;
CREATE INDEX login_failures_source ON login_failures (source, last_failed_at) WHERE source IS NOT NULL;

-- The newest session tells which organization a person used last.
CREATE INDEX sessions_newest ON sessions (user_id, id);
DROP INDEX sessions_user;

-- Why a person has no roles in an organization; NULL: they have. One definition, for
-- the tokens of a login and for each check of a caller. SQL, so that it is inlined.
CREATE FUNCTION waits_for(deleted_at timestamptz, membership text, must_change_password boolean, demands_second_factor boolean, has_proved_it boolean) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN deleted_at IS NOT NULL THEN 'organization'
        WHEN membership IS NULL THEN 'membership'
        WHEN membership <> 'active' THEN 'approval'
        WHEN must_change_password THEN 'password'
        WHEN demands_second_factor AND NOT has_proved_it THEN 'second_factor'
    END
$$;
REVOKE EXECUTE ON FUNCTION waits_for FROM PUBLIC;
GRANT EXECUTE ON FUNCTION waits_for TO token_verifier;

CREATE OR REPLACE VIEW published.callers AS
    SELECT s.id AS session_id, s.user_id, s.organization_id, s.methods, s.authenticated_at, s.second_factor_at, s.impersonator_id,
           s.ended_at IS NULL AND s.expires_at > now() AND u.suspended_at IS NULL
               AND (s.impersonator_id IS NULL OR EXISTS (SELECT FROM users a WHERE a.id = s.impersonator_id AND a.platform_admin AND a.suspended_at IS NULL)) AS alive,
           u.platform_admin,
           f.has_second_factor,
           w.waits_for,
           CASE WHEN w.waits_for IS NULL THEN r.roles ELSE '{}' END AS roles,
           CASE WHEN w.waits_for IS NULL THEN permissions_of(s.organization_id, r.roles) ELSE '{}' END AS permissions
    FROM sessions s
    JOIN users u ON u.id = s.user_id
    JOIN organizations o ON o.id = s.organization_id
    LEFT JOIN memberships m ON m.user_id = s.user_id AND m.organization_id = s.organization_id
    CROSS JOIN LATERAL (SELECT roles_of(s.user_id, s.organization_id) AS roles OFFSET 0) r
    CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM totp_secrets t WHERE t.user_id = s.user_id AND t.confirmed_at IS NOT NULL)
                            OR EXISTS (SELECT FROM passkeys p WHERE p.user_id = s.user_id) AS has_second_factor) f
    CROSS JOIN LATERAL (SELECT waits_for(o.deleted_at, m.status, u.must_change_password, (o.settings ->> 'require_second_factor')::boolean,
                                         s.second_factor_at IS NOT NULL OR s.impersonator_id IS NOT NULL)) w;

CREATE OR REPLACE VIEW published.external_callers AS
    SELECT e.issuer, e.subject_index, e.user_id, u.platform_admin, m.organization_id, m.created_at AS member_since, w.waits_for, f.has_second_factor,
           coalesce((o.settings ->> 'require_second_factor')::boolean, false) AS demands_second_factor,
           CASE WHEN w.waits_for IS NULL THEN r.roles ELSE '{}' END AS roles,
           CASE WHEN w.waits_for IS NULL THEN permissions_of(m.organization_id, r.roles) ELSE '{}' END AS permissions
    FROM external_identities e
    JOIN users u ON u.id = e.user_id AND u.suspended_at IS NULL
    LEFT JOIN memberships m ON m.user_id = e.user_id
    LEFT JOIN organizations o ON o.id = m.organization_id
    CROSS JOIN LATERAL (SELECT roles_of(m.user_id, m.organization_id) AS roles OFFSET 0) r
    CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM totp_secrets t WHERE t.user_id = u.id AND t.confirmed_at IS NOT NULL)
                            OR EXISTS (SELECT FROM passkeys p WHERE p.user_id = u.id) AS has_second_factor) f
    CROSS JOIN LATERAL (SELECT waits_for(o.deleted_at, m.status, u.must_change_password, false, false)) w;
