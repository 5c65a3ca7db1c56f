package administer

import (
	"context"
	"fmt"

	"function/functions/users/internal/lifecycle"
	"function/shared/fault"
	"function/shared/outbox"
)

const setAdmin = `UPDATE users SET platform_admin = $2 WHERE id = $1`

// Grant makes a person a platform admin.
func (f *Function) Grant(ctx context.Context, in *Request) (*struct{}, error) {
	return nil, lifecycle.Administer(ctx, f.store, in.ID, "platform_admins:add", string(in.Body.Reason), func(tx *outbox.Tx, person lifecycle.Subject) error {
		switch {
		case person.PlatformAdmin:
			return fault.New(fault.Conflict, "This person is already a platform admin")
		case person.SuspendedAt != nil:
			return fault.New(fault.Conflict, "This account is suspended. Restore it first.")
		}
		if _, err := tx.Exec(ctx, setAdmin, in.ID, true); err != nil {
			return fmt.Errorf("make platform admin: %w", err)
		}
		return f.mailer.Notify(ctx, tx, in.ID, f.mailer.PlatformAdminGranted)
	})
}

// Revoke revokes a person's platform admin rights. The last platform admin cannot be removed
// (platform_admin_kept).
func (f *Function) Revoke(ctx context.Context, in *Request) (*struct{}, error) {
	return nil, lifecycle.Administer(ctx, f.store, in.ID, "platform_admins:remove", string(in.Body.Reason), func(tx *outbox.Tx, person lifecycle.Subject) error {
		if !person.PlatformAdmin {
			return fault.New(fault.Conflict, "This person is not a platform admin")
		}
		if _, err := tx.Exec(ctx, setAdmin, in.ID, false); err != nil {
			return fmt.Errorf("revoke platform admin: %w", err)
		}
		return f.mailer.Notify(ctx, tx, in.ID, f.mailer.PlatformAdminRevoked)
	})
}
