// Package eraseuser lets a platform admin erase the account of a person who asked for it
// and cannot log in (GDPR Articles 12(2) and 17): POST /v1/admin/users/{id}/erase.
package eraseuser

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
var Service = function.Endpoint(function.Post("users-erase-user", "/v1/admin/users/{id}/erase", "Erase an account", policy.PlatformUsers.WithFreshProof()).
	Fails(fault.Conflict).
	Describe("Permanent and immediate, like DELETE /v1/users/profile, for people who request it and cannot log in. Verify who is asking. "+
		"The person is notified by mail. Refused while the person is the last owner of an organization. The reason is encrypted with your own key, since the person's key is destroyed."), New).
	Uses(function.Owns(database.Users), function.Keys)

// Request identifies a person, gives the reason, and says whether their organizations are
// deleted, too.
type Request struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Reason              person.DisplayName `json:"reason" minLength:"3" maxLength:"200" doc:"Reason, such as a ticket number. Must not contain personal data: it outlives the account"`
		DeleteOrganizations bool               `json:"delete_organizations,omitempty" doc:"Permanently delete the organizations that the person owns and that have no other members"`
	}
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

// Handle erases the person in one transaction, which also queues the events and the mail.
func (f *Function) Handle(ctx context.Context, in *Request) (*struct{}, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	entry := audit.Entry{Action: "users:erase", ResourceID: in.ID.String(), Platform: true}
	if err := f.store.DB.Transact(ctx, func(tx *outbox.Tx) error { return f.erase(ctx, tx, caller, in, entry) }); err != nil {
		return nil, fmt.Errorf("erase account: %w", act.Refused(ctx, f.store.DB, entry, err))
	}
	return nil, nil
}

func (f *Function) erase(ctx context.Context, tx *outbox.Tx, caller auth.Caller, in *Request, entry audit.Entry) error {
	owned, err := membership.LockOwned(ctx, tx, in.ID)
	if err != nil {
		return err
	}
	if _, err := lifecycle.LockSubject(ctx, tx, caller, in.ID); err != nil {
		return err
	}
	left := audit.Entry{Action: entry.Action, ResourceID: entry.ResourceID, Detail: map[string]any{"by": policy.PlatformAdmin}}
	if err := membership.LeaveAll(ctx, tx, in.ID, owned, in.Body.DeleteOrganizations, left); err != nil {
		return err
	}
	former, err := person.NameOf(ctx, f.store, tx, in.ID)
	if err != nil {
		return err
	}
	sealed, err := lifecycle.SealReason(ctx, f.store, tx, caller.UserID, string(in.Body.Reason))
	if err != nil {
		return err
	}
	entry.Detail = map[string]any{"actors_reason": sealed}
	if err := audit.Record(ctx, tx, entry); err != nil {
		return err
	}
	if err := lifecycle.Erase(ctx, f.store, tx, in.ID); err != nil {
		return err
	}
	return f.mailer.Queue(ctx, tx, uuid.Nil, f.mailer.AccountErasedByAdmin(former.Email))
}
