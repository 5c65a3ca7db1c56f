-- The trail and its database belong to a role that cannot log in, because the database's owner
-- could drop it. The roles that functions log in as can add and seal entries; they can neither
-- change nor remove any, nor remove the protection. The administrator runs this after the domain's
-- own migrations, since the domain's role could not give the trail away.
-- +goose Up

-- +goose StatementBegin
DO $$
DECLARE
    domain name := (SELECT tableowner FROM pg_tables WHERE schemaname = 'public' AND tablename = 'audit_entries');
BEGIN
    EXECUTE format('ALTER DATABASE %I OWNER TO audit_owner', current_database());
    EXECUTE format('GRANT ALL ON DATABASE %I TO %I', current_database(), domain); -- the former owner's rights were lost with the ownership
    EXECUTE format('GRANT USAGE, CREATE ON SCHEMA public TO %I', domain);
    ALTER TABLE public.audit_entries OWNER TO audit_owner;
    ALTER TABLE public.audit_checkpoints OWNER TO audit_owner;
    EXECUTE format('GRANT SELECT ON public.audit_entries, public.audit_checkpoints TO %I', domain);
    EXECUTE format('GRANT INSERT (id, organization_id, at, actor_kind, actor_id, impersonator_id, action, resource_id, result, reason,
        network, trace_id, detail), UPDATE (seq, previous_hash, hash) ON public.audit_entries TO %I', domain);
    EXECUTE format('GRANT INSERT ON public.audit_checkpoints TO %I', domain);
END $$;
-- +goose StatementEnd

ALTER FUNCTION audit_is_append_only() OWNER TO audit_owner;
