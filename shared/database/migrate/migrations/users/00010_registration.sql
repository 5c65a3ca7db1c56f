-- Mail that is retried until it is sent, and refresh tokens whose exchange can be repeated.
-- +goose Up

ALTER TABLE mails
    ADD COLUMN person_id       uuid REFERENCES users ON DELETE CASCADE, -- the person it concerns: erasing them deletes it
    ADD COLUMN address_index   bytea,                                   -- HMAC-SHA256 of the recipient's address
    ADD COLUMN attempts        int NOT NULL DEFAULT 0,
    ADD COLUMN next_attempt_at timestamptz NOT NULL DEFAULT now();      -- infinity: rejected permanently, a dead letter
CREATE INDEX mails_due ON mails (next_attempt_at);
CREATE INDEX mails_person ON mails (person_id);
CREATE INDEX mails_address ON mails (address_index);

-- What a used token was exchanged for, sealed with a key that only the used token yields: a client
-- that lost the response may repeat the exchange for a moment. Deleted once the successor is used.
ALTER TABLE refresh_tokens ADD COLUMN sealed_successor bytea;
CREATE INDEX refresh_tokens_used ON refresh_tokens (used_at) WHERE used_at IS NOT NULL;
