-- The role that reads the trails of other domains to show them to an organization or a person. It
-- sees nothing else.
-- +goose Up

GRANT USAGE ON SCHEMA public TO audit_reader;
GRANT SELECT ON public.audit_entries, public.audit_checkpoints TO audit_reader;
