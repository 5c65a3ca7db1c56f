// Package acceptinvitation makes a person who was invited a member: POST
// /v1/organizations/invitations/accept.
package acceptinvitation

import (
	"context"
	"fmt"

	"function/functions/users/internal/access"
	"function/functions/users/internal/membership"
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
var Service = function.Endpoint(function.Post("users-accept-invitation", "/v1/organizations/invitations/accept", "Accept an invitation", policy.Person.WithoutImpersonation()).
	Fails(fault.NotFound, fault.Conflict).
	Describe("Only the account with the invited address can accept. POST /v1/users/sessions/organization then switches to the organization."), New).
	Uses(function.Owns(database.Users), function.Keys)

// Request contains the mailed token.
type Request struct {
	Body struct {
		Token string `json:"token" minLength:"1" maxLength:"100"`
	}
}

// Accepted is the membership and the name of the organization.
type Accepted struct {
	access.Membership
	OrganizationName string `json:"organization_name"`
}

// Response is the membership.
type Response struct{ Body Accepted }

// Function accepts invitations.
type Function struct{ store store.Store }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	return &Function{store}, err
}

const selectName = `SELECT name FROM organizations WHERE id = $1`

// Handle accepts the invitation, which consumes the token.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	var out Response
	err = f.store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		name, err := person.NameOf(ctx, f.store, tx, caller.UserID)
		if err != nil {
			return err
		}
		address := person.EmailIndex(f.store.Keeper, name.Email) // not the account's stored index, which may be a former one
		if out.Body.Membership, err = membership.AcceptInvitation(ctx, f.store, tx, in.Body.Token, caller.UserID, address); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, selectName, out.Body.OrganizationID).Scan(&out.Body.OrganizationName); err != nil {
			return fmt.Errorf("read organization: %w", err)
		}
		return nil
	})
	return &out, act.Refused(ctx, f.store.DB, audit.Entry{Action: "invitations:accept"}, err)
}
