-- Rotation of the key encryption key: which data keys the current one has wrapped.
-- +goose Up

CREATE TABLE key_rotation (
    single     bool PRIMARY KEY DEFAULT true CHECK (single),
    wrapped_by bytea NOT NULL -- the ID of the current key encryption key (secret.Keeper.ID); no row: there was no rotation
);

-- NULL: not known. Other functions write only wrapped_key.
ALTER TABLE users ADD COLUMN wrapped_by bytea;
ALTER TABLE registrations ADD COLUMN wrapped_by bytea;
ALTER TABLE invitations ADD COLUMN wrapped_by bytea;
ALTER TABLE mails ADD COLUMN wrapped_by bytea;
ALTER TABLE provisioned_people ADD COLUMN wrapped_by bytea;
ALTER TABLE signing_keys ADD COLUMN wrapped_by bytea;

-- +goose StatementBegin
CREATE FUNCTION forget_wrapped_by() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.wrapped_by := NULL;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER key_changed BEFORE UPDATE ON users FOR EACH ROW
    WHEN (NEW.wrapped_key IS DISTINCT FROM OLD.wrapped_key AND NEW.wrapped_by IS NOT DISTINCT FROM OLD.wrapped_by) EXECUTE FUNCTION forget_wrapped_by();
CREATE TRIGGER key_changed BEFORE UPDATE ON registrations FOR EACH ROW
    WHEN (NEW.wrapped_key IS DISTINCT FROM OLD.wrapped_key AND NEW.wrapped_by IS NOT DISTINCT FROM OLD.wrapped_by) EXECUTE FUNCTION forget_wrapped_by();
CREATE TRIGGER key_changed BEFORE UPDATE ON invitations FOR EACH ROW
    WHEN (NEW.wrapped_key IS DISTINCT FROM OLD.wrapped_key AND NEW.wrapped_by IS NOT DISTINCT FROM OLD.wrapped_by) EXECUTE FUNCTION forget_wrapped_by();
CREATE TRIGGER key_changed BEFORE UPDATE ON mails FOR EACH ROW
    WHEN (NEW.wrapped_key IS DISTINCT FROM OLD.wrapped_key AND NEW.wrapped_by IS NOT DISTINCT FROM OLD.wrapped_by) EXECUTE FUNCTION forget_wrapped_by();
CREATE TRIGGER key_changed BEFORE UPDATE ON provisioned_people FOR EACH ROW
    WHEN (NEW.wrapped_key IS DISTINCT FROM OLD.wrapped_key AND NEW.wrapped_by IS NOT DISTINCT FROM OLD.wrapped_by) EXECUTE FUNCTION forget_wrapped_by();
CREATE TRIGGER key_changed BEFORE UPDATE ON signing_keys FOR EACH ROW
    WHEN (NEW.sealed_seed IS DISTINCT FROM OLD.sealed_seed AND NEW.wrapped_by IS NOT DISTINCT FROM OLD.wrapped_by) EXECUTE FUNCTION forget_wrapped_by();

CREATE OR REPLACE VIEW published.metrics AS
    SELECT name, labels, sum(value) AS value FROM metric_counters GROUP BY name, labels
    UNION ALL
    SELECT 'user_sessions_active', '{}', count(*) FROM sessions WHERE least(ended_at, expires_at) > now()
    UNION ALL
    SELECT 'audit_unsealed_seconds', '{"trail": "users"}', coalesce(extract(epoch FROM now() - min(at)), 0) FROM audit_entries WHERE seq IS NULL
    UNION ALL
    SELECT 'outbox_oldest_seconds', '{"database": "user_management_db"}', coalesce(extract(epoch FROM now() - (SELECT created_at FROM outbox ORDER BY id LIMIT 1)), 0)
    UNION ALL
    SELECT 'keys_to_rewrap', '{"database": "user_management_db"}', count(*)
    FROM (SELECT wrapped_key, wrapped_by FROM users
          UNION ALL SELECT wrapped_key, wrapped_by FROM registrations
          UNION ALL SELECT wrapped_key, wrapped_by FROM invitations
          UNION ALL SELECT wrapped_key, wrapped_by FROM mails
          UNION ALL SELECT wrapped_key, wrapped_by FROM provisioned_people
          UNION ALL SELECT sealed_seed AS wrapped_key, wrapped_by FROM signing_keys) k
    WHERE wrapped_key IS NOT NULL AND EXISTS (SELECT FROM key_rotation) AND wrapped_by IS DISTINCT FROM (SELECT wrapped_by FROM key_rotation);
