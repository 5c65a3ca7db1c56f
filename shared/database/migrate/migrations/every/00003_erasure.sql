-- Deleted organizations: no rows of theirs can be added to the database any more. The insertion of
-- a row here waits for transactions that are adding some.
-- +goose Up

CREATE TABLE erased_organizations (
    organization_id uuid PRIMARY KEY,
    erased_at       timestamptz NOT NULL DEFAULT now()
);

-- +goose StatementBegin
CREATE FUNCTION is_erased(organization uuid) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended(organization::text, 0)); -- shared/erasure takes it alone
    RETURN EXISTS (SELECT FROM public.erased_organizations e WHERE e.organization_id = organization);
END $$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION is_erased FROM PUBLIC;

-- +goose StatementBegin
CREATE FUNCTION refuse_erased_organization() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF public.is_erased(NEW.organization_id) THEN
        RAISE EXCEPTION 'organization % is gone', NEW.organization_id USING ERRCODE = 'check_violation', CONSTRAINT = 'organization_erased';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd

-- For what tells of an organization and is told late: there is nobody to refuse.
-- +goose StatementBegin
CREATE FUNCTION skip_erased_organization() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RETURN CASE WHEN NOT public.is_erased(NEW.organization_id) THEN NEW END;
END $$;
-- +goose StatementEnd
