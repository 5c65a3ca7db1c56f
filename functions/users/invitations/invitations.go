// Package invitations invites people to an organization by mail, lists the invitations
// that are open and revokes them, for what is under
// /v1/organizations/{id}/invitations.
package invitations

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users"
	"function/shared/audit"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/page"
	"function/shared/policy"
	"function/shared/secret"
)

const path = "/v1/organizations/{id}/invitations"

// The HTTP operations.
var (
	CreateOperation = huma.Operation{
		OperationID: "users-invite", Method: http.MethodPost, Path: path,
		Summary: "Invite a person to your organization", Tags: []string{users.Tag}, Security: function.Needs(policy.MembersWrite),
		Description:   "A mail tells how to accept within 7 days. It replaces the address's earlier invitation. The answer is the same whether the address has an account or not.",
		DefaultStatus: http.StatusCreated, Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict},
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
		Email string `json:"email" format:"email" maxLength:"254" pattern:"^[^\\s<>,]+$" patternDescription:"one address, without a name"`
		Role  string `json:"role" pattern:"^[a-z][a-z0-9_]{1,62}$" doc:"Within your own rights"`
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
type Function struct{ users.Store }

// New opens the invitations.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	return &Function{store}, err
}

// Create invites.
func (f *Function) Create(ctx context.Context, in *CreateRequest) (*Response, error) {
	invitation, err := f.Invite(ctx, in.ID, in.Body.Email, in.Body.Role)
	return &Response{Body: invitation}, err
}

const (
	selectOpen = `
SELECT id, role, invited_by, created_at, expires_at, '' AS email, wrapped_key, email AS sealed FROM invitations
WHERE organization_id = $1 AND id < $2 AND ended_at IS NULL AND expires_at > now() ORDER BY id DESC LIMIT $3`
	revoke = `
UPDATE invitations SET ended_at = now(), end_reason = 'revoked'
WHERE organization_id = $1 AND id = $2 AND ended_at IS NULL AND expires_at > now()`
)

type stored struct {
	users.Invitation
	WrappedKey, Sealed []byte
}

// List lists open invitations.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	if _, err := users.InOwn(ctx, in.ID); err != nil {
		return nil, err
	}
	before, err := in.Before()
	if err != nil {
		return nil, err
	}
	rows, _ := f.DB.Query(ctx, selectOpen, in.ID, before, in.Fetch())
	open, err := pgx.CollectRows(rows, pgx.RowToStructByName[stored])
	if err != nil {
		return nil, fmt.Errorf("list invitations: %w", err)
	}
	found := page.Of(in.Query, open, func(s stored) uuid.UUID { return s.ID })
	out := &ListResponse{Body: page.Page[users.Invitation]{Items: []users.Invitation{}, NextCursor: found.NextCursor}}
	for _, s := range found.Items {
		key, err := f.Keeper.Unwrap(ctx, s.WrappedKey)
		if err != nil {
			return nil, err
		}
		if s.Email, err = secret.Unseal(key, users.InvitationField, s.Sealed); err != nil {
			return nil, err
		}
		out.Body.Items = append(out.Body.Items, s.Invitation)
	}
	return out, nil
}

// Revoke takes an invitation back.
func (f *Function) Revoke(ctx context.Context, in *Request) (*struct{}, error) {
	if _, err := users.InOwn(ctx, in.ID); err != nil {
		return nil, err
	}
	entry := audit.Entry{Action: "invitations:revoke", ResourceID: in.InvitationID.String()}
	return nil, f.Act(ctx, entry, func(tx *outbox.Tx, _ *audit.Entry) error {
		revoked, err := tx.Exec(ctx, revoke, in.ID, in.InvitationID)
		if err != nil {
			return fmt.Errorf("revoke invitation: %w", err)
		}
		if revoked.RowsAffected() == 0 {
			return fault.New(fault.NotFound, "There is no such invitation open")
		}
		return nil
	})
}
