// Package invitations invites people to an organization by mail, lists open invitations and
// revokes them: everything under /v1/organizations/{id}/invitations.
package invitations

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"function/functions/users/internal/membership"
	"function/functions/users/internal/notify"
	"function/functions/users/internal/person"
	"function/functions/users/internal/store"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/page"
	"function/shared/policy"
)

const path = "/v1/organizations/{id}/invitations"

// Service declares the function.
var Service = function.Service("users-invitations", New,
	function.On(function.Post("users-invite", path, "Invite a person to your organization", policy.MembersWrite).
		Status(http.StatusCreated).Fails(fault.Conflict, fault.Unavailable).
		Describe("The invitation is mailed, is valid for 7 days and replaces an earlier one for the same address. The response is the same whether or not the address has an account."), (*Function).Create),
	function.On(function.Get("users-list-invitations", path, "List open invitations to your organization", policy.MembersWrite), (*Function).List),
	function.On(function.Delete("users-revoke-invitation", path+"/{invitation_id}", "Revoke an invitation", policy.MembersWrite), (*Function).Revoke),
).
	Uses(function.Owns(database.Users), function.Keys)

// CreateRequest contains the address to invite and the role.
type CreateRequest struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Email person.Email `json:"email" doc:"The address only, without a display name"`
		Role  string       `json:"role" pattern:"^[a-z][a-z0-9_]{1,62}$" doc:"Must not exceed your own rights" example:"analyst"`
	}
}

// Response is an invitation.
type Response struct{ Body membership.Invitation }

// ListRequest selects one page.
type ListRequest struct {
	ID uuid.UUID `path:"id" format:"uuid"`
	page.Query
}

// ListResponse is one page.
type ListResponse struct {
	Body page.Page[membership.Invitation]
}

// Request identifies an invitation.
type Request struct {
	ID           uuid.UUID `path:"id" format:"uuid"`
	InvitationID uuid.UUID `path:"invitation_id" format:"uuid"`
}

// Function manages invitations.
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
