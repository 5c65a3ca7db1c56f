// Package administer is what a platform admin does to an account: POST
// /v1/admin/users/{id}/suspend, /restore, /force-password-reset, /reset-second-factors,
// /unlock, /grant-platform-admin and /revoke-platform-admin.
package administer

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
)

// Parts are the ways into this function.
var Parts = []function.Part[*Function]{
	function.On(SuspendOperation, (*Function).Suspend),
	function.On(RestoreOperation, (*Function).Restore),
	function.On(ResetOperation, (*Function).Reset),
	function.On(ResetFactorsOperation, (*Function).ResetFactors),
	function.On(UnlockOperation, (*Function).Unlock),
	function.On(GrantOperation, (*Function).Grant),
	function.On(RevokeOperation, (*Function).Revoke),
}

// Function administers accounts.
type Function struct {
	users.Store
	post users.Post
}

// New opens the accounts.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	post, err := store.Post(env)
	return &Function{store, post}, err
}

const (
	suspend = `UPDATE users SET suspended_at = now() WHERE id = $1`
	restore = `UPDATE users SET suspended_at = NULL WHERE id = $1`
	demand  = `UPDATE users SET must_change_password = true WHERE id = $1`
	void    = `
UPDATE users SET voided_password_hash = coalesce(password_hash, voided_password_hash), password_hash = NULL WHERE id = $1`
	endLogins = `DELETE FROM challenges WHERE user_id = $1`
)

// Suspend shuts a person out.
func (f *Function) Suspend(ctx context.Context, in *Request) (*struct{}, error) {
	return nil, f.Administer(ctx, in.ID, "users:suspend", in.Body.Reason, func(tx *outbox.Tx, person users.Subject) error {
		if person.SuspendedAt != nil {
			return fault.New(fault.Conflict, "This account is suspended already")
		}
		if _, err := tx.Exec(ctx, suspend, in.ID); err != nil {
			return fmt.Errorf("suspend account: %w", err)
		}
		if err := end(ctx, tx, in.ID, "suspended"); err != nil {
			return err
		}
		return f.post.Tell(ctx, tx, in.ID, f.post.AccountSuspended)
	})
}

// Restore lets a suspended person in again.
func (f *Function) Restore(ctx context.Context, in *Request) (*struct{}, error) {
	return nil, f.Administer(ctx, in.ID, "users:restore", in.Body.Reason, func(tx *outbox.Tx, person users.Subject) error {
		if person.SuspendedAt == nil {
			return fault.New(fault.Conflict, "This account is not suspended")
		}
		if _, err := tx.Exec(ctx, restore, in.ID); err != nil {
			return fmt.Errorf("restore account: %w", err)
		}
		return f.post.Tell(ctx, tx, in.ID, f.post.AccountRestored)
	})
}

// Reset demands a new password. Whoever knows the present one must not be who chooses the
// next, so it is void where mail brings the person another way in.
func (f *Function) Reset(ctx context.Context, in *Request) (*struct{}, error) {
	return nil, f.Administer(ctx, in.ID, "users:force_password_reset", in.Body.Reason, func(tx *outbox.Tx, _ users.Subject) error {
		if _, err := tx.Exec(ctx, demand, in.ID); err != nil {
			return fmt.Errorf("demand new password: %w", err)
		}
		if f.post.Sends() {
			if _, err := tx.Exec(ctx, void, in.ID); err != nil {
				return fmt.Errorf("make password void: %w", err)
			}
		}
		if err := end(ctx, tx, in.ID, "revoked"); err != nil {
			return err
		}
		return f.post.Tell(ctx, tx, in.ID, f.post.PasswordDemanded)
	})
}

// Unlock forgets failed logins, and wrong codes of an authenticator app.
func (f *Function) Unlock(ctx context.Context, in *Request) (*struct{}, error) {
	return nil, f.Administer(ctx, in.ID, "users:unlock", in.Body.Reason, func(tx *outbox.Tx, _ users.Subject) error {
		if err := f.ForgetGuesses(ctx, tx, in.ID); err != nil {
			return err
		}
		return f.Store.Unlock(ctx, tx, in.ID)
	})
}

// end ends a person's sessions, those in which they act as others, and the logins that
// wait for a second factor.
func end(ctx context.Context, tx pgx.Tx, person uuid.UUID, reason string) error {
	if err := users.EndSessions(ctx, tx, person, uuid.Nil, reason); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, endLogins, person); err != nil {
		return fmt.Errorf("end pending logins: %w", err)
	}
	return nil
}
