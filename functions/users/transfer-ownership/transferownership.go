// Package transferownership gives an owner's ownership to another member:
// POST /v1/organizations/{id}/ownership.
package transferownership

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
	OperationID: "users-transfer-ownership", Method: http.MethodPost, Path: "/v1/organizations/{id}/ownership",
	Summary: "Give your ownership to another member", Tags: []string{users.Tag}, Security: function.NeedsFresh(policy.OrganizationsDelete),
	Description: "You become an admin in the same moment.",
	Errors:      []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict}, Responses: users.Waits,
}

// Request names the organization and its new owner.
type Request struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		UserID uuid.UUID `json:"user_id" format:"uuid" doc:"An active member"`
	}
}

// Function transfers ownership.
type Function struct{ users.RoleChanges }

// New opens the memberships.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	changes, err := users.OpenRoleChanges(ctx, env)
	return &Function{changes}, err
}

// Handle makes the member an owner and the caller an admin.
func (f *Function) Handle(ctx context.Context, in *Request) (*users.RoleChangeAnswer, error) {
	return f.ChangeRoles(ctx, in.ID, users.RoleChange{Kind: users.TransferOwnership, UserID: in.Body.UserID})
}
