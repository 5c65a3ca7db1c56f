// Package rejectmember turns away a person who asked to join an organization:
// POST /v1/organizations/{id}/members/{user_id}/reject.
package rejectmember

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
	OperationID: "users-reject-member", Method: http.MethodPost, Path: "/v1/organizations/{id}/members/{user_id}/reject",
	Summary: "Turn away a person who asked to join your organization", Tags: []string{users.Tag}, Security: function.Needs(policy.MembersWrite),
	Description:   "The person may ask again.",
	DefaultStatus: http.StatusNoContent, Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
}

// Request names the organization and the person.
type Request struct {
	ID     uuid.UUID `path:"id" format:"uuid"`
	UserID uuid.UUID `path:"user_id" format:"uuid"`
}

// Function rejects requests for membership.
type Function struct{ users.Store }

// New opens the memberships.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	return &Function{store}, err
}

// Handle ends the request; the account stays.
func (f *Function) Handle(ctx context.Context, in *Request) (*struct{}, error) {
	return nil, f.RemoveMember(ctx, in.ID, in.UserID, users.MembershipRequested)
}
