package users

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/fault"
	"function/shared/outbox"
)

// Credentials is a person's password, and whose rules the next one follows.
type Credentials struct {
	UserID         uuid.UUID
	PasswordHash   string    // empty: the person has no password
	VoidedHash     string    // of the password that an admin has made void; empty: none
	OrganizationID uuid.UUID // of those that the person is in, the one with the strictest rules; uuid.Nil: none
	Name           Name
}

const selectCredentials = `
SELECT coalesce(u.password_hash, ''), coalesce(u.voided_password_hash, ''), coalesce(m.organization_id, '00000000-0000-0000-0000-000000000000')
FROM users u
LEFT JOIN memberships m ON m.user_id = u.id AND m.status = 'active'
LEFT JOIN organizations o ON o.id = m.organization_id
WHERE u.id = $1
ORDER BY (o.settings ->> 'password_min_length')::int DESC NULLS LAST, (o.settings ->> 'password_history')::int DESC NULLS LAST, m.created_at
LIMIT 1`

// CredentialsOf reads a person's credentials.
func (s Store) CredentialsOf(ctx context.Context, user uuid.UUID) (Credentials, error) {
	c := Credentials{UserID: user}
	if err := s.DB.QueryRow(ctx, selectCredentials, user).Scan(&c.PasswordHash, &c.VoidedHash, &c.OrganizationID); err != nil {
		return c, fmt.Errorf("read credentials of user %s: %w", user, err)
	}
	var err error
	c.Name, err = s.NameOf(ctx, s.DB, user)
	return c, err
}

// Check tells whether the person may have a password, by the rules of the organization.
func (s Store) Check(ctx context.Context, c Credentials, password, location string) error {
	if c.VoidedHash != "" {
		again, err := s.Hasher.Verify(ctx, password, c.VoidedHash)
		if err != nil {
			return err
		}
		if again {
			return fault.At(location, "This is the password that you are not to have any more: choose another one")
		}
	}
	return s.CheckNewPassword(ctx, s.DB, c.OrganizationID, c.UserID, password, location, c.Name.Email, c.Name.FirstName, c.Name.LastName)
}

// Prove checks the password of a logged-in person, a few times only.
func (s Store) Prove(ctx context.Context, c Credentials, present, location string) error {
	if err := s.MayProve(ctx, c.UserID); err != nil {
		return err
	}
	ok, err := s.Hasher.Verify(ctx, present, c.PasswordHash)
	if err == nil && !ok {
		err = fault.At(location, "this is not your password")
	}
	return err
}

const (
	replacePassword = `
UPDATE users SET password_hash = $2, voided_password_hash = NULL, password_changed_at = now(), must_change_password = false
WHERE id = $1 AND coalesce(password_hash, '') = $3`
	endSessions = `
UPDATE sessions SET ended_at = now(), end_reason = 'password_changed' WHERE (user_id = $1 OR impersonator_id = $1) AND id <> $2 AND ended_at IS NULL`
)

// ReplacePassword gives a person another password than the one in c, ends all
// sessions but one, also those in which the person acts as others, makes mailed tokens
// void, and tells the person by mail, with what else acts as them. Of two changes at once
// the second is fault.Conflict.
func (s Store) ReplacePassword(ctx context.Context, tx *outbox.Tx, post Post, c Credentials, hash string, butSession uuid.UUID) error {
	tag, err := tx.Exec(ctx, replacePassword, c.UserID, hash, c.PasswordHash)
	if err != nil {
		return fmt.Errorf("replace password: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return fault.New(fault.Conflict, "The password was changed by somebody else at the same moment: if that was not you, ask for a new one")
	}
	if err := s.remember(ctx, tx, c); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, endSessions, c.UserID, butSession); err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	if err := CancelMailedTokens(ctx, tx, c.UserID); err != nil {
		return err
	}
	others, err := credentialsBeside(ctx, tx, c.UserID)
	if err != nil {
		return err
	}
	return post.Queue(ctx, tx, post.PasswordChanged(c.Name.Email, others))
}

func (s Store) remember(ctx context.Context, tx pgx.Tx, c Credentials) error {
	if c.PasswordHash == "" || c.OrganizationID == uuid.Nil {
		return nil
	}
	settings, err := SettingsOf(ctx, tx, c.OrganizationID)
	if err != nil {
		return err
	}
	return RememberPassword(ctx, tx, c.UserID, c.PasswordHash, settings.PasswordHistory)
}
