package users

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"function/shared/audit"
	"function/shared/database"
	"function/shared/documents"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/outbox"
)

// ErrErased answers for a person whose account was erased a moment ago.
var ErrErased = fault.New(fault.Unauthenticated, "This account does not exist any more")

const (
	lockErased = `SELECT email_index, profile_document FROM users WHERE id = $1 FOR UPDATE`
	eraseUser  = `DELETE FROM users WHERE id = $1`
	// What speaks of the address without knowing whose account it is.
	eraseAddress = `
WITH a AS (DELETE FROM registrations WHERE email_index = $1),
     b AS (DELETE FROM invitations WHERE email_index = $1),
     c AS (DELETE FROM provisioned_people WHERE email_index = $1),
     d AS (DELETE FROM password_reset_requests WHERE email_index = $1),
     e AS (DELETE FROM mails WHERE address_index = $1)
DELETE FROM login_failures WHERE account = $2`
)

// Erase erases a person, whose memberships the caller has seen to: their account
// ([Store.CloseAccount]), and what others have put here about their address.
func (s Store) Erase(ctx context.Context, tx *outbox.Tx, person uuid.UUID) error {
	index, err := s.close(ctx, tx, person)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, eraseAddress, index, s.FailuresKey(index)); err != nil {
		return fmt.Errorf("erase address: %w", err)
	}
	return nil
}

// CloseAccount deletes an account with the key that seals every personal field, and
// all that hangs on it (sessions, factors, keys, consents …, by the foreign keys). It
// publishes events.UserErased. Whoever logs in meanwhile waits, and finds no account;
// one that is gone already is ErrErased.
func (s Store) CloseAccount(ctx context.Context, tx *outbox.Tx, person uuid.UUID) error {
	_, err := s.close(ctx, tx, person)
	return err
}

func (s Store) close(ctx context.Context, tx *outbox.Tx, person uuid.UUID) (emailIndex []byte, err error) {
	var document *uuid.UUID
	if err := tx.QueryRow(ctx, lockErased, person).Scan(&emailIndex, &document); database.IsNoRows(err) {
		return nil, ErrErased
	} else if err != nil {
		return nil, fmt.Errorf("lock account: %w", err)
	}
	if document != nil {
		if err := (documents.PostgreSQL{DB: tx}).Delete(ctx, ProfileDocuments, *document); err != nil {
			return nil, err
		}
	}
	if _, err := tx.Exec(ctx, eraseUser, person); err != nil {
		return nil, fmt.Errorf("erase account: %w", err)
	}
	if err := s.ForgetGuesses(ctx, tx, person); err != nil {
		return nil, err
	}
	return emailIndex, tx.Publish(ctx, events.UserErased{UserID: person, ProfileDocument: document, ErasedAt: time.Now().UTC()})
}

const (
	deleteConsents     = `DELETE FROM consent_decisions WHERE organization_id = $1`
	deleteOrganization = `DELETE FROM organizations WHERE id = $1`
)

// DeleteOrganization deletes an organization for good, with all memberships.
func DeleteOrganization(ctx context.Context, tx *outbox.Tx, organization uuid.UUID) error {
	for _, statement := range []string{deleteConsents, deleteOrganization} {
		if _, err := tx.Exec(ctx, statement, organization); err != nil {
			return fmt.Errorf("delete organization: %w", err)
		}
	}
	err := audit.Record(ctx, tx, audit.Entry{Action: "organizations:purge", ResourceID: organization.String(), OrganizationID: organization})
	if err != nil {
		return err
	}
	return tx.Publish(ctx, events.OrganizationDeleted{OrganizationID: organization, DeletedAt: time.Now().UTC()})
}
