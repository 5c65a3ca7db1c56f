// Package eraseaccount erases the account of the person who asks for it (GDPR Article
// 17): DELETE /v1/users/profile.
package eraseaccount

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/users"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/events"
	"function/shared/function"
	"function/shared/outbox"
)

// Operation is the HTTP operation.
var Operation = huma.Operation{
	OperationID: "users-erase-account", Method: http.MethodDelete, Path: "/v1/users/profile",
	Summary: "Erase your account", Tags: []string{users.Tag}, Security: function.FreshPerson,
	Description: "For good, and at once: what is on file about you cannot be read any more, you are logged out everywhere, and your " +
		"memberships end. An organization whose last owner you are stands in the way: give your ownership to another member, or delete " +
		"the organization, first.",
	DefaultStatus: http.StatusNoContent, Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusConflict},
}

// Request tells what is to go with the person.
type Request struct {
	DeleteOrganizations bool `query:"delete_organizations" doc:"Delete the organizations that you own and nobody else is in, for good: there is nobody left to restore them"`
}

// Function erases accounts.
type Function struct {
	users.Store
	post users.Post
}

// New opens the accounts and the mail.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	post, err := store.Post(env)
	return &Function{store, post}, err
}

// Handle erases the caller in one transaction, which also tells everybody else: the
// other domains by events, the person by mail.
func (f *Function) Handle(ctx context.Context, in *Request) (*struct{}, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	err = f.DB.Transact(ctx, func(tx *outbox.Tx) error {
		memberships, err := f.membershipsOf(ctx, tx, caller.UserID)
		if err != nil {
			return err
		}
		if err := mayLeave(memberships, in.DeleteOrganizations); err != nil {
			return err
		}
		former, err := f.NameOf(ctx, tx, caller.UserID)
		if err != nil {
			return err
		}
		for _, m := range memberships {
			if err := leave(ctx, tx, caller.UserID, m, in.DeleteOrganizations); err != nil {
				return err
			}
		}
		entry := audit.Entry{Action: "users:erase", ResourceID: caller.UserID.String(), Platform: true}
		if err := audit.Record(ctx, tx, entry); err != nil {
			return err
		}
		if err := f.Erase(ctx, tx, caller.UserID); err != nil {
			return err
		}
		// Last, so that the erasure does not take it back with all other mail.
		return f.post.Queue(ctx, tx, uuid.Nil, f.post.AccountErased(former.Email))
	})
	if err != nil {
		entry := audit.Entry{Action: "users:erase", ResourceID: caller.UserID.String()}
		return nil, fmt.Errorf("erase account: %w", f.Refused(ctx, entry, err))
	}
	return nil, nil
}

// leave ends a membership, or the organization with it. The organization's trail
// tells of those whom it had let in.
func leave(ctx context.Context, tx *outbox.Tx, person uuid.UUID, m membership, deleteToo bool) error {
	if m.Alone && deleteToo {
		return users.DeleteOrganization(ctx, tx, m.OrganizationID)
	}
	if m.Status != users.MembershipRequested {
		entry := audit.Entry{Action: "users:erase", ResourceID: person.String(), OrganizationID: m.OrganizationID}
		if err := audit.Record(ctx, tx, entry); err != nil {
			return err
		}
	}
	return tx.Publish(ctx, events.MembershipEnded{UserID: person, OrganizationID: m.OrganizationID, EndedAt: time.Now().UTC()})
}
