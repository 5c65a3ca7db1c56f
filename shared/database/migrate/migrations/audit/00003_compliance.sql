-- The compliance domain's role may add entries to the trail, as the domains' owners may.
-- +goose Up

GRANT SELECT ON public.audit_entries TO compliance;
GRANT INSERT (id, organization_id, at, actor_kind, actor_id, impersonator_id, action, resource_id, result, reason,
    network, trace_id, detail) ON public.audit_entries TO compliance;
