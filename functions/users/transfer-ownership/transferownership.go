// Package transferownership transfers the caller's ownership of an organization to another
// member: POST /v1/organizations/{id}/ownership.
package transferownership

import (
	"context"

	"github.com/google/uuid"

	"function/functions/users/internal/access"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Post("users-transfer-ownership", "/v1/organizations/{id}/ownership", "Transfer your ownership to another member", policy.OrganizationsDelete.WithFreshProof()).
	Fails(fault.Conflict).
	Describe("You become an admin at the same time.").
	Answers(access.PendingResponses), New).
	Uses(function.Owns(database.Users), function.Keys)

// Request identifies the organization and its new owner.
type Request struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		UserID uuid.UUID `json:"user_id" format:"uuid" doc:"An active member"`
	}
}

// Function transfers ownership.
type Function struct{ access.RoleChanges }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	changes, err := access.OpenRoleChanges(ctx, env)
	return &Function{changes}, err
}

// Handle makes the member an owner and the caller an admin.
func (f *Function) Handle(ctx context.Context, in *Request) (*access.RoleChangeResponse, error) {
	return f.ChangeRoles(ctx, in.ID, access.RoleChange{Kind: access.TransferOwnership, UserID: in.Body.UserID})
}
