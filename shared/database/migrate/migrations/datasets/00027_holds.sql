-- Legal holds, which keep data sets with all their versions, tags and branches.
-- +goose Up

-- The hold is in the row that every removal locks, so that a removal which waited for the lock sees it.
ALTER TABLE datasets
    ADD COLUMN hold_reason       text,        -- NULL: no hold
    ADD COLUMN held_by           uuid,
    ADD COLUMN held_at           timestamptz,
    ADD COLUMN disposal_began_at timestamptz, -- since when its objects are being deleted: it cannot be held or brought back any more
    ADD CONSTRAINT datasets_hold CHECK (num_nulls(hold_reason, held_by, held_at) IN (0, 3)),
    ADD CONSTRAINT datasets_hold_or_disposal CHECK (held_at IS NULL OR disposal_began_at IS NULL);

-- +goose StatementBegin
CREATE FUNCTION refuse_removal_of_held() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'data set % is under legal hold', OLD.id USING ERRCODE = 'restrict_violation';
END $$;
-- +goose StatementEnd
CREATE TRIGGER held BEFORE DELETE ON datasets FOR EACH ROW WHEN (OLD.held_at IS NOT NULL) EXECUTE FUNCTION refuse_removal_of_held();
