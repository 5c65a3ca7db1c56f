-- Protects people from lockout by floods of wrong passwords, and records what blocks a person's
-- roles.
-- +goose Up

-- Where people have logged in from: guesses from elsewhere do not delay them there. Only the newest
-- of each person are kept (users.rememberSource). The index also includes the address that they log
-- in with, so that it can be found before the account, and without it.
CREATE TABLE known_sources (
    source_index bytea PRIMARY KEY,             -- HMAC-SHA256 of email_index and the source: an IPv4 address, an IPv6 /64
    user_id      uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    last_seen_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX known_sources_user ON known_sources (user_id, last_seen_at);

-- The former address may belong to somebody else one day.
-- +goose StatementBegin
CREATE FUNCTION forget_known_sources() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM known_sources WHERE user_id = NEW.id;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER address_changed AFTER UPDATE OF email_index ON users
    FOR EACH ROW WHEN (OLD.email_index <> NEW.email_index) EXECUTE FUNCTION forget_known_sources();

-- The source of a pair: an address is slowed down by the number of accounts at which it has failed,
-- so that a correct password, or an unlock, removes what its account has added.
-- (sessions.address_index and rows of an address alone are no longer written.)
ALTER TABLE login_failures ADD COLUMN source bytea;
CREATE INDEX login_failures_source ON login_failures (source, last_failed_at) WHERE source IS NOT NULL;

-- The newest session shows which organization a person used last.
CREATE INDEX sessions_newest ON sessions (user_id, id);
DROP INDEX sessions_user;

-- Why a person has no roles in an organization; NULL: they have some. This is the only definition,
-- for the tokens of a login and for each check of a caller (published.callers and .external_callers
-- of 00015). It is in SQL so that it is inlined.
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
