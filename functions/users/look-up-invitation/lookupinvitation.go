// Package lookupinvitation shows the recipient of an invitation what it invites to, before they
// accept it: POST /v1/organizations/invitations/look-up.
package lookupinvitation

import (
	"context"

	"function/functions/users/internal/membership"
	"function/functions/users/internal/store"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Post("users-look-up-invitation", "/v1/organizations/invitations/look-up", "Look up an invitation", policy.Public).
	Sensitive().Fails(fault.NotFound).
	Describe("For anyone with the token; no account needed. The invitation stays open."), New).
	Uses(function.Owns(database.Users))

// Request contains the mailed token.
type Request struct {
	Body struct {
		Token string `json:"token" minLength:"1" maxLength:"100" doc:"From the link in the mail"`
	}
}

// Response describes the invitation.
type Response struct{ Body membership.Offer }

// Function looks up invitations.
type Function struct{ store store.Store }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	return &Function{store}, err
}

// Handle looks up the token.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	offer, err := membership.OfferOf(ctx, f.store, in.Body.Token)
	if err != nil {
		return nil, err
	}
	return &Response{Body: offer}, nil
}
