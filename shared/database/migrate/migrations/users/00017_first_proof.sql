-- When somebody first proved that the account and its address are theirs; NULL: nobody has.
-- email_verified_at refers only to the current address, which provisioning may replace.
-- +goose Up
ALTER TABLE users ADD COLUMN proved_at timestamptz;
UPDATE users u SET proved_at = coalesce(email_verified_at, created_at)
WHERE email_verified_at IS NOT NULL
   OR password_hash IS NOT NULL AND EXISTS (SELECT FROM provisioned_people p WHERE p.user_id = u.id);

-- Whatever verifies the address is a proof.
-- +goose StatementBegin
CREATE FUNCTION note_proof() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.proved_at := coalesce(NEW.proved_at, NEW.email_verified_at);
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER address_verified BEFORE INSERT OR UPDATE OF email_verified_at ON users
    FOR EACH ROW EXECUTE FUNCTION note_proof();
