-- What other domains and token checks see of this database.
-- +goose Up

CREATE VIEW published.signing_keys AS
    SELECT kid, public_key, created_at FROM signing_keys WHERE retired_at IS NULL OR retired_at > now();

-- Who holds a session and what they may do now: a change takes effect with the next query.
-- waits_for is the reason why a person has no roles here. (OFFSET 0 makes roles_of run once per
-- row, although its result is used twice.)
CREATE VIEW published.callers AS
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
    CROSS JOIN LATERAL (SELECT CASE
        WHEN o.deleted_at IS NOT NULL THEN 'organization'
        WHEN m.status IS NULL THEN 'membership'
        WHEN m.status <> 'active' THEN 'approval'
        WHEN u.must_change_password THEN 'password'
        WHEN (o.settings ->> 'require_second_factor')::boolean AND s.second_factor_at IS NULL AND s.impersonator_id IS NULL THEN 'second_factor'
        END AS waits_for) w;

-- The holders of API keys; scopes restrict the owner's rights.
CREATE VIEW published.api_keys AS
    SELECT k.id, s.hash, coalesce(k.user_id, k.service_account_id) AS owner_id, k.service_account_id IS NOT NULL AS is_service_account,
           k.organization_id, k.scopes, r.roles, permissions_of(k.organization_id, r.roles) AS permissions
    FROM api_key_secrets s
    JOIN api_keys k ON k.id = s.key_id
    JOIN organizations o ON o.id = k.organization_id AND o.deleted_at IS NULL
    LEFT JOIN users u ON u.id = k.user_id
    LEFT JOIN service_accounts a ON a.id = k.service_account_id
    CROSS JOIN LATERAL (SELECT CASE WHEN k.user_id IS NOT NULL THEN roles_of(k.user_id, k.organization_id)
        ELSE coalesce((SELECT array_agg(role ORDER BY role) FROM role_grants g WHERE g.service_account_id = k.service_account_id), '{}') END AS roles OFFSET 0) r
    WHERE k.revoked_at IS NULL AND s.expires_at > now() AND u.suspended_at IS NULL AND a.disabled_at IS NULL;

-- Recorded at most once a minute, so that a busy key does not write on every call.
-- +goose StatementBegin
CREATE FUNCTION published.api_key_used(key uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE api_keys SET last_used_at = now() WHERE id = key AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
$$;
-- +goose StatementEnd

-- Refusals of known callers by the policy are audited too, but a flood of refusals must not become
-- a flood of entries: in each minute, a caller's first ten are recorded, and the rest as a number
-- once the minute is over (platform-seal-audit).
CREATE TABLE refusal_counts (
    actor_id        uuid NOT NULL,
    minute          timestamptz NOT NULL,
    organization_id uuid NOT NULL,
    refusals        int NOT NULL,
    PRIMARY KEY (actor_id, minute)
);
CREATE INDEX refusal_counts_minute ON refusal_counts (minute);

-- +goose StatementBegin
CREATE FUNCTION published.record_refusal(
    id uuid, organization_id uuid, at timestamptz, actor_kind text, actor_id uuid, impersonator_id uuid,
    action text, resource_id text, reason text, network text, trace_id text, detail jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH counted AS (
        INSERT INTO refusal_counts AS c (actor_id, minute, organization_id, refusals)
        VALUES (record_refusal.actor_id, date_trunc('minute', now()), record_refusal.organization_id, 1)
        ON CONFLICT ON CONSTRAINT refusal_counts_pkey DO UPDATE SET refusals = c.refusals + 1
        RETURNING refusals
    )
    INSERT INTO audit_entries (id, organization_id, at, actor_kind, actor_id, impersonator_id, action, resource_id, result, reason, network, trace_id, detail)
    SELECT record_refusal.id, record_refusal.organization_id, record_refusal.at, record_refusal.actor_kind, record_refusal.actor_id,
           record_refusal.impersonator_id, record_refusal.action, record_refusal.resource_id, 'refused', record_refusal.reason,
           record_refusal.network, record_refusal.trace_id, record_refusal.detail
    FROM counted WHERE refusals <= 10
$$;
-- +goose StatementEnd

-- Takes up to a number of cells of a limit at once (shared/ratelimit; times in microseconds): GCRA.
-- Keys are hashes, so some neighbours of a random key are a fair sample: those whose quota has been
-- fully restored for long are deleted, so no schedule is needed.
-- +goose StatementBegin
CREATE FUNCTION published.rate_limit(limited bytea, cell bigint, quota int, wanted int, OUT granted int, OUT whole bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    arrival timestamptz;
    moment  timestamptz;
BEGIN
    IF random() < 0.02 THEN
        DELETE FROM rate_limits WHERE key IN (
            SELECT key FROM rate_limits
            WHERE key IN (SELECT key FROM rate_limits WHERE key >= uuid_send(gen_random_uuid()) ORDER BY key LIMIT 200)
              AND key <> limited AND tat < now() - interval '1 minute'
            FOR UPDATE SKIP LOCKED);
    END IF;
    INSERT INTO rate_limits (key, tat) VALUES (limited, now()) ON CONFLICT DO NOTHING;
    SELECT tat INTO arrival FROM rate_limits WHERE key = limited FOR UPDATE;
    moment := clock_timestamp();
    whole := greatest(0, extract(epoch FROM arrival - moment) * 1000000);
    granted := greatest(0, least(wanted, (cell * quota - whole) / cell));
    whole := whole + granted * cell;
    IF granted > 0 THEN
        UPDATE rate_limits SET tat = moment + whole * interval '1 microsecond' WHERE key = limited;
    END IF;
END $$;
-- +goose StatementEnd

-- The holders of other issuers' tokens: a row for each organization that the person belongs to, or
-- one without any. There is no session, so the view includes whether the organization requires a
-- second factor, for comparison with the token's own claims.
CREATE VIEW published.external_callers AS
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
    CROSS JOIN LATERAL (SELECT CASE
        WHEN m.status IS NULL THEN 'membership'
        WHEN o.deleted_at IS NOT NULL THEN 'organization'
        WHEN m.status <> 'active' THEN 'approval'
        WHEN u.must_change_password THEN 'password'
        END AS waits_for) w;

CREATE VIEW published.metrics AS
    SELECT name, labels, sum(value) AS value FROM metric_counters GROUP BY name, labels
    UNION ALL
    SELECT 'user_sessions_active', '{}', count(*) FROM sessions WHERE ended_at IS NULL AND expires_at > now()
    UNION ALL
    SELECT 'audit_unsealed_seconds', '{"trail": "users"}', coalesce(extract(epoch FROM now() - min(at)), 0) FROM audit_entries WHERE seq IS NULL;

REVOKE EXECUTE ON FUNCTION roles_of, permissions_of, published.api_key_used, published.record_refusal, published.rate_limit FROM PUBLIC;
GRANT USAGE ON SCHEMA published TO token_verifier;
GRANT SELECT ON published.signing_keys, published.callers, published.api_keys, published.external_callers TO token_verifier;
GRANT EXECUTE ON FUNCTION roles_of, permissions_of, published.api_key_used, published.record_refusal, published.rate_limit TO token_verifier;
