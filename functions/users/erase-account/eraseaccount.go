// Package eraseaccount erases the account of the caller (GDPR Article 17): DELETE
// /v1/users/profile.
package eraseaccount

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/functions/users/internal/lifecycle"
	"function/functions/users/internal/membership"
	"function/functions/users/internal/notify"
	"function/functions/users/internal/person"
	"function/functions/users/internal/store"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Delete("users-erase-account", "/v1/users/profile", "Erase your account", policy.Person.WithFreshProof()).
	Fails(fault.Conflict).
	Describe("Permanent and immediate: your personal data becomes unreadable, you are logged out everywhere, and your "+
		"memberships end. If you are the last owner of an organization, first transfer the ownership to another member, or delete "+
		"the organization."), New).
	Uses(function.Owns(database.Users), function.Keys)

// Request says whether the person's organizations are deleted, too.
type Request struct {
	DeleteOrganizations bool `query:"delete_organizations" doc:"Permanently delete the organizations that you own and that have no other members"`
}

// Function erases accounts.
type Function struct {
	store  store.Store
	mailer notify.Mailer
}

// New opens the store and the mailer.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	mailer, err := notify.NewMailer(store, env)
	return &Function{store, mailer}, err
}

// Handle erases the caller in one transaction, which also queues the events for other domains
// and the mail to the person.
func (f *Function) Handle(ctx context.Context, in *Request) (*struct{}, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	entry := audit.Entry{Action: "users:erase", ResourceID: caller.UserID.String()}
	err = f.store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		owned, err := membership.LockOwned(ctx, tx, caller.UserID)
		if err != nil {
			return err
		}
		if err := membership.LeaveAll(ctx, tx, caller.UserID, owned, in.DeleteOrganizations, entry); err != nil {
			return err
		}
		former, err := person.NameOf(ctx, f.store, tx, caller.UserID)
		if err != nil {
			return err
		}
		platform := entry
		platform.Platform = true
		if err := audit.Record(ctx, tx, platform); err != nil {
			return err
		}
		if err := lifecycle.Erase(ctx, f.store, tx, caller.UserID); err != nil {
			return err
		}
		return f.mailer.Queue(ctx, tx, uuid.Nil, f.mailer.AccountErased(former.Email))
	})
	if err != nil {
		return nil, fmt.Errorf("erase account: %w", act.Refused(ctx, f.store.DB, entry, err))
	}
	return nil, nil
}
