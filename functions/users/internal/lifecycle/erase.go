package lifecycle

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"function/functions/users/internal/person"
	"function/functions/users/internal/session"
	"function/functions/users/internal/store"
	"function/shared/database"
	"function/shared/documents"
	"function/shared/events"
	"function/shared/outbox"
)

const (
	lockAccount = `SELECT email_index, profile_document FROM users WHERE id = $1 FOR UPDATE`
	eraseUser   = `DELETE FROM users WHERE id = $1`
	// Rows that refer to the address but not to the account.
	eraseAddress = `
WITH a AS (DELETE FROM registrations WHERE email_index = $1),
     b AS (DELETE FROM invitations WHERE email_index = $1),
     c AS (DELETE FROM provisioned_people WHERE email_index = $1),
     d AS (DELETE FROM password_reset_requests WHERE email_index = $1),
     e AS (DELETE FROM mails WHERE address_index = $1)
DELETE FROM login_failures WHERE account = $2`
)

// Erase erases a person: their account ([CloseAccount]) and what others have stored about their
// address. The caller must end the person's memberships first.
func Erase(ctx context.Context, s store.Store, tx *outbox.Tx, person uuid.UUID) error {
	index, err := close(ctx, s, tx, person)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, eraseAddress, index, session.FailuresKey(s, index)); err != nil {
		return fmt.Errorf("erase address: %w", err)
	}
	return nil
}

// CloseAccount deletes an account, the key that seals its personal fields, and, through foreign
// keys, everything that belongs to it: sessions, second factors, API keys, consents and more. It
// publishes events.UserErased. A concurrent login waits and then finds no account. If the
// account is already gone, CloseAccount returns [person.ErrErased].
func CloseAccount(ctx context.Context, s store.Store, tx *outbox.Tx, person uuid.UUID) error {
	_, err := close(ctx, s, tx, person)
	return err
}

func close(ctx context.Context, s store.Store, tx *outbox.Tx, personID uuid.UUID) (emailIndex []byte, err error) {
	var document *uuid.UUID
	if err := tx.QueryRow(ctx, lockAccount, personID).Scan(&emailIndex, &document); database.IsNoRows(err) {
		return nil, person.ErrErased
	} else if err != nil {
		return nil, fmt.Errorf("lock account: %w", err)
	}
	if document != nil {
		if err := (documents.PostgreSQL{DB: tx}).Delete(ctx, person.ProfileDocuments, *document); err != nil {
			return nil, err
		}
	}
	if _, err := tx.Exec(ctx, eraseUser, personID); err != nil {
		return nil, fmt.Errorf("erase account: %w", err)
	}
	if err := session.ForgetGuesses(ctx, s, tx, personID); err != nil {
		return nil, err
	}
	return emailIndex, tx.Publish(ctx, events.UserErased{UserID: personID, ProfileDocument: document, ErasedAt: time.Now().UTC()})
}
