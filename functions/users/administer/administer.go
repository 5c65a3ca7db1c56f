// Package administer lets a platform admin suspend, restore or unlock an account, require a
// new password, remove second factors, and grant or revoke platform admin rights: POST
// /v1/admin/users/{id}/suspend, /restore, /force-password-reset, /reset-second-factors,
// /unlock, /grant-platform-admin and /revoke-platform-admin.
package administer

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/lifecycle"
	"function/functions/users/internal/notify"
	"function/functions/users/internal/session"
	"function/functions/users/internal/store"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
)

// Service declares the function.
var Service = function.Service("users-administer", New,
	function.On(adminOperation("users-suspend-user", "suspend", "Suspend an account",
		"Ends its sessions and blocks logins and API keys until it is restored. The person is notified by mail."), (*Function).Suspend),
	function.On(adminOperation("users-restore-user", "restore", "Restore a suspended account", "The person is notified by mail."), (*Function).Restore),
	function.On(adminOperation("users-force-password-reset", "force-password-reset", "Require a new password",
		"Ends the person's sessions, including those in which they act as somebody else. If mail is configured, their password is invalidated and they are mailed a link to choose a different one; "+
			"otherwise they log in with it once more to change it. Until then they can do nothing else, and their API keys do not work."), (*Function).Reset),
	function.On(adminOperation("users-reset-second-factors", "reset-second-factors", "Remove a person's second factors",
		"Removes the authenticator app, passkeys and recovery codes of a person who has lost them, or to whose account somebody else added one. Ends the person's sessions and notifies them by mail. "+
			"Verify first that the request comes from the person: afterwards the password alone is enough to log in. If somebody else may know it, require a new password, too."), (*Function).ResetFactors),
	function.On(adminOperation("users-unlock-user", "unlock", "Unlock an account after failed logins or wrong codes", ""), (*Function).Unlock),
	function.On(adminOperation("users-grant-platform-admin", "grant-platform-admin", "Make a person a platform admin",
		"The person is notified by mail. The platform's operator creates the first platform admin."), (*Function).Grant),
	function.On(adminOperation("users-revoke-platform-admin", "revoke-platform-admin", "Revoke a platform admin's rights",
		"The person is notified by mail, and their sessions as other people end. The last platform admin who can log in cannot be removed, and nobody can remove themselves."), (*Function).Revoke),
).
	Uses(function.Owns(database.Users), function.Keys)

// Function administers accounts.
type Function struct {
	store  store.Store
	mailer notify.Mailer
}

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	mailer, err := notify.NewMailer(store, env)
	return &Function{store, mailer}, err
}

const (
	suspend            = `UPDATE users SET suspended_at = now() WHERE id = $1`
	restore            = `UPDATE users SET suspended_at = NULL WHERE id = $1`
	requirePassword    = `UPDATE users SET must_change_password = true WHERE id = $1`
	invalidatePassword = `
UPDATE users SET voided_password_hash = coalesce(password_hash, voided_password_hash), password_hash = NULL WHERE id = $1`
	endLogins = `DELETE FROM challenges WHERE user_id = $1`
)

// Suspend suspends an account and ends its sessions.
func (f *Function) Suspend(ctx context.Context, in *Request) (*struct{}, error) {
	return nil, lifecycle.Administer(ctx, f.store, in.ID, "users:suspend", string(in.Body.Reason), func(tx *outbox.Tx, person lifecycle.Subject) error {
		if person.SuspendedAt != nil {
			return fault.New(fault.Conflict, "This account is already suspended")
		}
		if _, err := tx.Exec(ctx, suspend, in.ID); err != nil {
			return fmt.Errorf("suspend account: %w", err)
		}
		if err := endSessions(ctx, tx, in.ID, "suspended"); err != nil {
			return err
		}
		return f.mailer.Notify(ctx, tx, in.ID, f.mailer.AccountSuspended)
	})
}

// Restore ends the suspension of an account.
func (f *Function) Restore(ctx context.Context, in *Request) (*struct{}, error) {
	return nil, lifecycle.Administer(ctx, f.store, in.ID, "users:restore", string(in.Body.Reason), func(tx *outbox.Tx, person lifecycle.Subject) error {
		if person.SuspendedAt == nil {
			return fault.New(fault.Conflict, "This account is not suspended")
		}
		if _, err := tx.Exec(ctx, restore, in.ID); err != nil {
			return fmt.Errorf("restore account: %w", err)
		}
		return f.mailer.Notify(ctx, tx, in.ID, f.mailer.AccountRestored)
	})
}

// Reset requires a new password. The current one may be known to somebody else, who must not be
// able to choose the next one. So it is invalidated, provided that the person can be mailed a
// link to choose another.
func (f *Function) Reset(ctx context.Context, in *Request) (*struct{}, error) {
	return nil, lifecycle.Administer(ctx, f.store, in.ID, "users:force_password_reset", string(in.Body.Reason), func(tx *outbox.Tx, _ lifecycle.Subject) error {
		if _, err := tx.Exec(ctx, requirePassword, in.ID); err != nil {
			return fmt.Errorf("demand new password: %w", err)
		}
		if f.mailer.Sends() {
			if _, err := tx.Exec(ctx, invalidatePassword, in.ID); err != nil {
				return fmt.Errorf("make password void: %w", err)
			}
		}
		if err := endSessions(ctx, tx, in.ID, "revoked"); err != nil {
			return err
		}
		return f.mailer.Notify(ctx, tx, in.ID, f.mailer.PasswordResetRequired)
	})
}

// Unlock clears failed logins and wrong codes of an authenticator app.
func (f *Function) Unlock(ctx context.Context, in *Request) (*struct{}, error) {
	return nil, lifecycle.Administer(ctx, f.store, in.ID, "users:unlock", string(in.Body.Reason), func(tx *outbox.Tx, _ lifecycle.Subject) error {
		if err := session.ForgetGuesses(ctx, f.store, tx, in.ID); err != nil {
			return err
		}
		return session.Unlock(ctx, f.store, tx, in.ID)
	})
}

// endSessions ends a person's sessions, including those in which they impersonate others, and their
// pending logins.
func endSessions(ctx context.Context, tx pgx.Tx, person uuid.UUID, reason string) error {
	if err := session.EndSessions(ctx, tx, person, uuid.Nil, reason); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, endLogins, person); err != nil {
		return fmt.Errorf("end pending logins: %w", err)
	}
	return nil
}
