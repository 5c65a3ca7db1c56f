// Package rejectmember rejects a person's request to join an organization: POST
// /v1/organizations/{id}/members/{user_id}/reject.
package rejectmember

import (
	"context"

	"github.com/google/uuid"

	"function/functions/users/internal/access"
	"function/functions/users/internal/membership"
	"function/functions/users/internal/store"
	"function/shared/database"
	"function/shared/function"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Post("users-reject-member", "/v1/organizations/{id}/members/{user_id}/reject", "Reject a request to join your organization", policy.MembersWrite).
	Describe("The person may ask again."), New).
	Uses(function.Owns(database.Users))

// Request identifies the organization and the person.
type Request struct {
	ID     uuid.UUID `path:"id" format:"uuid"`
	UserID uuid.UUID `path:"user_id" format:"uuid"`
}

// Function rejects requests to join.
type Function struct{ store store.Store }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	return &Function{store}, err
}

// Handle rejects the request. The account is kept.
func (f *Function) Handle(ctx context.Context, in *Request) (*struct{}, error) {
	return nil, membership.Remove(ctx, f.store, in.ID, in.UserID, access.MembershipRequested)
}
