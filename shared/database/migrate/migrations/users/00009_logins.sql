-- Whom a storm of wrong passwords does not keep out, and who waits before they may do anything.
-- +goose Up

-- Where people have logged in from: guesses from elsewhere do not make them wait there.
-- The newest of a person (users.rememberSource). The index is of the address that they
-- log in with, too, so that it is found before the account, and without it.
CREATE TABLE known_sources (
    source_index bytea PRIMARY KEY,             -- HMAC-SHA256 of email_index and the source: an IPv4 address, an IPv6 /64
    user_id      uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    last_seen_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX known_sources_user ON known_sources (user_id, last_seen_at);

-- Whoever gets the former address one day is somebody else.
-- +goose StatementBegin
CREATE FUNCTION forget_known_sources() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM known_sources WHERE user_id = NEW.id;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER address_changed AFTER UPDATE OF email_index ON users
    FOR EACH ROW WHEN (OLD.email_index <> NEW.email_index) EXECUTE FUNCTION forget_known_sources();

-- Of a pair, its source: an address is slowed down by how many accounts it has failed
-- at, so that a right password, or an unlock, takes back what its account has added.
-- (sessions.address_index and rows of an address alone are written no more.)
ALTER TABLE login_failures ADD COLUMN source bytea;
CREATE INDEX login_failures_source ON login_failures (source, last_failed_at) WHERE source IS NOT NULL;

-- The newest session tells which organization a person used last.
CREATE INDEX sessions_newest ON sessions (user_id, id);
DROP INDEX sessions_user;

-- Why a person has no roles in an organization; NULL: they have. One definition, for
-- the tokens of a login and for each check of a caller (published.callers and
-- .external_callers of 00015). SQL, so that it is inlined.
CREATE FUNCTION waits_for(deleted_at timestamptz, membership text, must_change_password boolean, demands_second_factor boolean, has_proved_it boolean) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN deleted_at IS NOT NULL THEN 'organization'
        WHEN membership IS NULL THEN 'membership'
        WHEN membership <> 'active' THEN 'approval'
        WHEN must_change_password THEN 'password'
        WHEN demands_second_factor AND NOT has_proved_it THEN 'second_factor'
    END
$$;
REVOKE EXECUTE ON FUNCTION waits_for FROM PUBLIC;
GRANT EXECUTE ON FUNCTION waits_for TO token_verifier;
