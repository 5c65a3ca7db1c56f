// Package approvemember lets in a person who asked to join an organization:
// POST /v1/organizations/{id}/members/{user_id}/approve.
package approvemember

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/users"
	"function/shared/function"
	"function/shared/policy"
)

// Operation is the HTTP operation.
var Operation = huma.Operation{
	OperationID: "users-approve-member", Method: http.MethodPost, Path: "/v1/organizations/{id}/members/{user_id}/approve",
	Summary: "Let a person into your organization", Tags: []string{users.Tag}, Security: function.Themselves(function.Needs(policy.MembersWrite)),
	Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict},
}

// Request names the organization and the person; a body is optional.
type Request struct {
	ID     uuid.UUID `path:"id" format:"uuid"`
	UserID uuid.UUID `path:"user_id" format:"uuid"`
	Body   *struct {
		Role string `json:"role,omitempty" pattern:"^[a-z][a-z0-9_]{1,62}$" doc:"Within your own rights; absent: member"`
	}
}

// Response is the membership.
type Response struct{ Body users.Membership }

// Function approves memberships.
type Function struct{ users.Store }

// New opens the memberships.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	return &Function{store}, err
}

// Handle approves what was requested; the person's next token tells of it.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	role := ""
	if in.Body != nil {
		role = in.Body.Role
	}
	m, err := f.Approve(ctx, in.ID, in.UserID, role)
	if err != nil {
		return nil, err
	}
	return &Response{Body: m}, nil
}
