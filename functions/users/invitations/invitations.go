// Package invitations invites people to an organization by mail, lists the invitations
// that are open and revokes them, for what is under
// /v1/organizations/{id}/invitations.
package invitations

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/users"
	"function/shared/function"
	"function/shared/page"
	"function/shared/policy"
)

const path = "/v1/organizations/{id}/invitations"

// The HTTP operations.
var (
	CreateOperation = huma.Operation{
		OperationID: "users-invite", Method: http.MethodPost, Path: path,
		Summary: "Invite a person to your organization", Tags: []string{users.Tag}, Security: function.Themselves(function.Needs(policy.MembersWrite)),
		Description:   "A mail tells how to accept within 7 days. It replaces the address's earlier invitation. The answer is the same whether the address has an account or not.",
		DefaultStatus: http.StatusCreated, Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable},
	}
	ListOperation = huma.Operation{
		OperationID: "users-list-invitations", Method: http.MethodGet, Path: path,
		Summary: "Open invitations to your organization", Tags: []string{users.Tag}, Security: function.Needs(policy.MembersWrite),
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}
	RevokeOperation = huma.Operation{
		OperationID: "users-revoke-invitation", Method: http.MethodDelete, Path: path + "/{invitation_id}",
		Summary: "Take an invitation back", Tags: []string{users.Tag}, Security: function.Needs(policy.MembersWrite),
		DefaultStatus: http.StatusNoContent, Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}
)

// Parts are the ways into this function.
var Parts = []function.Part[*Function]{
	function.On(CreateOperation, (*Function).Create),
	function.On(ListOperation, (*Function).List),
	function.On(RevokeOperation, (*Function).Revoke),
}

// CreateRequest is whom to invite, as what.
type CreateRequest struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Email users.Email `json:"email" doc:"One address, without a name"`
		Role  string      `json:"role" pattern:"^[a-z][a-z0-9_]{1,62}$" doc:"Within your own rights"`
	}
}

// Response is an invitation.
type Response struct{ Body users.Invitation }

// ListRequest asks for one page.
type ListRequest struct {
	ID uuid.UUID `path:"id" format:"uuid"`
	page.Query
}

// ListResponse is one page.
type ListResponse struct{ Body page.Page[users.Invitation] }

// Request names an invitation.
type Request struct {
	ID           uuid.UUID `path:"id" format:"uuid"`
	InvitationID uuid.UUID `path:"invitation_id" format:"uuid"`
}

// Function keeps invitations.
type Function struct {
	users.Store
	post users.Post
}

// New opens the invitations and the mail.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	post, err := store.Post(env)
	return &Function{store, post}, err
}
