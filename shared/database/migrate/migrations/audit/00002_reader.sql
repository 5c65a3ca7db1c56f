-- Who shows an organization or a person the trails of other domains reads them as a role
-- that sees nothing else.
-- +goose Up

GRANT USAGE ON SCHEMA public TO audit_reader;
GRANT SELECT ON public.audit_entries, public.audit_checkpoints TO audit_reader;
