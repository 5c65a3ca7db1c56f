package credential

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"function/functions/users/internal/notify"
	"function/functions/users/internal/person"
	"function/functions/users/internal/session"
	"function/functions/users/internal/store"
	"function/shared/auth"
	"function/shared/fault"
	"function/shared/outbox"
)

var passwordAttempts = store.Allowance{Burst: 5, Every: 5 * time.Minute}

// Credentials is a person's current password and the rules for the next one.
type Credentials struct {
	UserID         uuid.UUID
	PasswordHash   string // empty: the person has no password
	VoidedHash     string // of the password that an admin has invalidated; empty: none
	Rules          PasswordRules
	OrganizationID uuid.UUID // the person's oldest membership, in whose audit trail changes are recorded; uuid.Nil: none
	Name           person.Name
}

const selectCredentials = `
SELECT coalesce(u.password_hash, ''), coalesce(u.voided_password_hash, ''), coalesce((array_agg(m.organization_id ORDER BY m.created_at))[1], '00000000-0000-0000-0000-000000000000'),
       coalesce(max((o.settings ->> 'password_min_length')::int), 0), coalesce(max((o.settings ->> 'password_history')::int), 0)
FROM users u
LEFT JOIN memberships m ON m.user_id = u.id AND m.status = 'active'
LEFT JOIN organizations o ON o.id = m.organization_id
WHERE u.id = $1
GROUP BY u.id`

// CredentialsOf reads a person's credentials.
func CredentialsOf(ctx context.Context, s Passwords, user uuid.UUID) (Credentials, error) {
	c := Credentials{UserID: user}
	if err := s.Store.DB.QueryRow(ctx, selectCredentials, user).Scan(&c.PasswordHash, &c.VoidedHash, &c.OrganizationID, &c.Rules.MinLength, &c.Rules.History); err != nil {
		return c, fmt.Errorf("read credentials of user %s: %w", user, err)
	}
	c.Rules.MinLength = max(s.minLength, c.Rules.MinLength)
	var err error
	c.Name, err = person.NameOf(ctx, s.Store, s.Store.DB, user)
	return c, err
}

// CheckReplacement checks a person's new password against the rules of all their organizations,
// and refuses a password that an admin has invalidated.
func CheckReplacement(ctx context.Context, s Passwords, c Credentials, password, location string) error {
	if c.VoidedHash != "" {
		again, err := s.Hasher.Verify(ctx, password, c.VoidedHash)
		if err != nil {
			return err
		}
		if again {
			return fault.At(location, "An administrator invalidated this password. Choose a different one.")
		}
	}
	return CheckNewPassword(ctx, s, c.Rules, c.UserID, password, location, c.Name.Email, c.Name.FirstName, c.Name.LastName)
}

// ProvePassword checks the caller's password. So that the thief of a session cannot guess it,
// only a few wrong passwords are allowed per session (fault.RateLimited); the owner's other
// sessions are not affected. Each attempt is taken from the allowance before the password is
// checked, so that concurrent attempts cannot exceed it, and is given back if the password is
// correct.
func ProvePassword(ctx context.Context, s Passwords, caller auth.Caller, c Credentials, present, location string) error {
	key := s.Store.Keeper.BlindIndex("password.proof", cmp.Or(caller.SessionID, caller.UserID).String())
	may, err := passwordAttempts.Take(ctx, s.Store.DB, key)
	if err != nil {
		return err
	}
	if !may {
		return fault.New(fault.RateLimited, "The password was entered incorrectly too often in this session. Wait a few minutes, then try again.").After(passwordAttempts.Every)
	}
	ok, err := s.Hasher.Verify(ctx, present, c.PasswordHash)
	if err != nil {
		return err
	}
	if !ok {
		return fault.At(location, "this is not your password")
	}
	return passwordAttempts.Restore(ctx, s.Store.DB, key)
}

const replacePassword = `
UPDATE users SET password_hash = $2, voided_password_hash = NULL, password_changed_at = now(), must_change_password = false
WHERE id = $1 AND coalesce(password_hash, '') = $3`

// ReplacePassword replaces a person's password and voids their mailed tokens. It ends all
// sessions except butSession, including those in which the person impersonates others, and mails
// the person a notice that lists the other credentials of the account. Of two concurrent changes
// the second returns fault.Conflict.
func ReplacePassword(ctx context.Context, s store.Store, tx *outbox.Tx, mailer notify.Mailer, c Credentials, hash string, exceptSession uuid.UUID) error {
	tag, err := tx.Exec(ctx, replacePassword, c.UserID, hash, c.PasswordHash)
	if err != nil {
		return fmt.Errorf("replace password: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return fault.New(fault.Conflict, "The password was changed from elsewhere at the same time. If that was not you, request a new password (POST /v1/users/password/forgot).")
	}
	if err := RememberPassword(ctx, tx, c.UserID, c.PasswordHash, c.Rules.History); err != nil {
		return err
	}
	if err := session.EndSessions(ctx, tx, c.UserID, exceptSession, "password_changed"); err != nil {
		return err
	}
	if err := notify.CancelMailedTokens(ctx, tx, c.UserID); err != nil {
		return err
	}
	others, err := otherCredentials(ctx, tx, c.UserID)
	if err != nil {
		return err
	}
	return mailer.Queue(ctx, tx, c.UserID, mailer.PasswordChanged(c.Name.Email, others))
}
