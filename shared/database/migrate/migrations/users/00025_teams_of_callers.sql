-- The teams of callers, to which data sets can be shared.
-- +goose Up

-- The teams that an active member belongs to, and those above them. A service account (NULL) is in no team.
-- +goose StatementBegin
CREATE FUNCTION teams_of(person uuid, organization uuid) RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH RECURSIVE within (id) AS (
        SELECT t.team_id FROM team_members t JOIN memberships m USING (user_id, organization_id)
        WHERE t.user_id = person AND t.organization_id = organization AND m.status = 'active'
        UNION
        SELECT t.parent_id FROM teams t JOIN within w ON t.id = w.id WHERE t.parent_id IS NOT NULL
    )
    SELECT coalesce(array_agg(id ORDER BY id), '{}') FROM within
$$;
-- +goose StatementEnd

CREATE OR REPLACE VIEW published.callers AS
    SELECT s.id AS session_id, s.user_id, s.organization_id, s.methods, s.authenticated_at, s.second_factor_at, s.impersonator_id,
           s.ended_at IS NULL AND s.expires_at > now() AND u.suspended_at IS NULL
               AND (s.impersonator_id IS NULL OR EXISTS (SELECT FROM users a WHERE a.id = s.impersonator_id AND a.platform_admin AND a.suspended_at IS NULL)) AS alive,
           u.platform_admin,
           f.has_second_factor,
           w.waits_for,
           CASE WHEN w.waits_for IS NULL THEN r.roles ELSE '{}' END AS roles,
           CASE WHEN w.waits_for IS NULL THEN permissions_of(s.organization_id, r.roles) ELSE '{}' END AS permissions,
           u.must_change_password,
           CASE WHEN w.waits_for IS NULL THEN teams_of(s.user_id, s.organization_id) ELSE '{}' END AS teams
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
           CASE WHEN w.waits_for IS NULL THEN permissions_of(m.organization_id, r.roles) ELSE '{}' END AS permissions,
           u.must_change_password,
           CASE WHEN w.waits_for IS NULL THEN teams_of(m.user_id, m.organization_id) ELSE '{}' END AS teams
    FROM external_identities e
    JOIN users u ON u.id = e.user_id AND u.suspended_at IS NULL
    LEFT JOIN memberships m ON m.user_id = e.user_id
    LEFT JOIN organizations o ON o.id = m.organization_id
    CROSS JOIN LATERAL (SELECT roles_of(m.user_id, m.organization_id) AS roles OFFSET 0) r
    CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM totp_secrets t WHERE t.user_id = u.id AND t.confirmed_at IS NOT NULL)
                            OR EXISTS (SELECT FROM passkeys p WHERE p.user_id = u.id) AS has_second_factor) f
    CROSS JOIN LATERAL (SELECT waits_for(o.deleted_at, m.status, u.must_change_password, false, false)) w;

CREATE OR REPLACE VIEW published.api_keys AS
    SELECT k.id, s.hash, coalesce(k.user_id, k.service_account_id) AS owner_id, k.service_account_id IS NOT NULL AS is_service_account,
           k.organization_id, k.scopes,
           CASE WHEN w.waits_for = '' THEN r.roles ELSE '{}' END AS roles,
           CASE WHEN w.waits_for = '' THEN permissions_of(k.organization_id, r.roles) ELSE '{}' END AS permissions,
           w.waits_for,
           CASE WHEN w.waits_for = '' THEN teams_of(k.user_id, k.organization_id) ELSE '{}' END AS teams
    FROM api_key_secrets s
    JOIN api_keys k ON k.id = s.key_id
    JOIN organizations o ON o.id = k.organization_id AND o.deleted_at IS NULL
    LEFT JOIN users u ON u.id = k.user_id
    LEFT JOIN service_accounts a ON a.id = k.service_account_id
    CROSS JOIN LATERAL (SELECT CASE WHEN k.user_id IS NOT NULL THEN roles_of(k.user_id, k.organization_id)
        ELSE coalesce((SELECT array_agg(role ORDER BY role) FROM role_grants g WHERE g.service_account_id = k.service_account_id), '{}') END AS roles OFFSET 0) r
    CROSS JOIN LATERAL (SELECT CASE
        WHEN u.must_change_password THEN 'password'
        WHEN u.id IS NOT NULL AND (o.settings ->> 'require_second_factor')::boolean
            AND NOT EXISTS (SELECT FROM totp_secrets t WHERE t.user_id = u.id AND t.confirmed_at IS NOT NULL)
            AND NOT EXISTS (SELECT FROM passkeys p WHERE p.user_id = u.id) THEN 'second_factor'
        ELSE '' END AS waits_for) w
    WHERE k.revoked_at IS NULL AND s.expires_at > now() AND u.suspended_at IS NULL AND a.disabled_at IS NULL;

REVOKE EXECUTE ON FUNCTION teams_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION teams_of TO token_verifier;
