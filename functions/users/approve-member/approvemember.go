// Package approvemember approves a person's request to join an organization: POST
// /v1/organizations/{id}/members/{user_id}/approve.
package approvemember

import (
	"context"

	"github.com/google/uuid"

	"function/functions/users/internal/access"
	"function/functions/users/internal/membership"
	"function/functions/users/internal/store"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Post("users-approve-member", "/v1/organizations/{id}/members/{user_id}/approve", "Approve a request to join your organization", policy.MembersWrite).
	Fails(fault.Conflict), New).
	Uses(function.Owns(database.Users))

// Request identifies the organization and the person. The body is optional.
type Request struct {
	ID     uuid.UUID `path:"id" format:"uuid"`
	UserID uuid.UUID `path:"user_id" format:"uuid"`
	Body   *struct {
		Role string `json:"role,omitempty" pattern:"^[a-z][a-z0-9_]{1,62}$" doc:"Must not exceed your own rights. Default: member" example:"member"`
	}
}

// Response is the membership.
type Response struct{ Body access.Membership }

// Function approves memberships.
type Function struct{ store store.Store }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	return &Function{store}, err
}

// Handle approves the request to join. It takes effect with the person's next token.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	role := ""
	if in.Body != nil {
		role = in.Body.Role
	}
	m, err := membership.Approve(ctx, f.store, in.ID, in.UserID, role)
	if err != nil {
		return nil, err
	}
	return &Response{Body: m}, nil
}
