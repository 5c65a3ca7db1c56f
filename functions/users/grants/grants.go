// Package grants grants roles to people, teams and service accounts in addition to membership
// roles, lists the grants and revokes them: everything under /v1/organizations/{id}/grants.
package grants

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/access"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/page"
	"function/shared/policy"
	"function/shared/uuid7"
)

// Service declares the function.
var Service = function.Service("users-grants", New,
	function.On(function.Get("users-list-grants", "/v1/organizations/{id}/grants", "List roles granted in addition to membership roles", policy.RolesRead), (*Function).List),
	function.On(function.Post("users-grant-role", "/v1/organizations/{id}/grants", "Grant a role", policy.RolesWrite.WithFreshProof()).
		Fails(fault.Conflict).
		Describe("To a member, to a team and its subteams, or to a service account. The role must not allow more than you may do yourself.").
		Answers(access.PendingResponses), (*Function).Create),
	function.On(function.Delete("users-revoke-grant", "/v1/organizations/{id}/grants/{grant_id}", "Revoke a granted role", policy.RolesWrite.WithFreshProof()).
		Answers(access.PendingResponses), (*Function).Delete),
).
	Uses(function.Owns(database.Users), function.Keys)

// Grantee is the recipient of a role. Exactly one field is set.
type Grantee struct {
	UserID           *uuid.UUID `json:"user_id,omitempty" format:"uuid" example:"0198a7f0-0000-7000-8000-000000000000"`
	TeamID           *uuid.UUID `json:"team_id,omitempty" format:"uuid"`
	ServiceAccountID *uuid.UUID `json:"service_account_id,omitempty" format:"uuid"`
}

// Grant is a role granted in addition to that of the membership.
type Grant struct {
	ID   uuid.UUID `json:"id" format:"uuid"`
	Role string    `json:"role"`
	Grantee
	GrantedBy uuid.UUID `json:"granted_by" format:"uuid"`
	CreatedAt time.Time `json:"created_at"`
}

// ListRequest selects one page.
type ListRequest struct {
	ID uuid.UUID `path:"id" format:"uuid"`
	page.Query
}

// ListResponse is one page.
type ListResponse struct{ Body page.Page[Grant] }

// CreateRequest describes the grant.
type CreateRequest struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Role string `json:"role" pattern:"^[a-z][a-z0-9_]{1,62}$" example:"analyst"`
		Grantee
	}
}

// Request identifies a grant.
type Request struct {
	ID      uuid.UUID `path:"id" format:"uuid"`
	GrantID uuid.UUID `path:"grant_id" format:"uuid"`
}

// Function manages grants.
type Function struct{ access.RoleChanges }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	changes, err := access.OpenRoleChanges(ctx, env)
	return &Function{changes}, err
}

const selectGrants = `
SELECT id, role, user_id, team_id, service_account_id, granted_by, created_at FROM role_grants
WHERE organization_id = @organization AND id < @before ORDER BY id DESC LIMIT @limit`

// List lists grants.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	grants, err := page.List(ctx, f.Store.DB, in.Query, func(g Grant) uuid.UUID { return g.ID }, selectGrants, pgx.NamedArgs{"organization": in.ID})
	return &ListResponse{Body: grants}, err
}

// Create grants a role.
func (f *Function) Create(ctx context.Context, in *CreateRequest) (*access.RoleChangeResponse, error) {
	change := access.RoleChange{Kind: access.GrantRole, GrantID: uuid7.New(), Role: in.Body.Role}
	named := 0
	for _, to := range []struct{ from, into *uuid.UUID }{
		{in.Body.UserID, &change.UserID}, {in.Body.TeamID, &change.TeamID}, {in.Body.ServiceAccountID, &change.ServiceAccountID},
	} {
		if to.from != nil && *to.from != uuid.Nil {
			*to.into = *to.from
			named++
		}
	}
	if named != 1 {
		return nil, fault.At("body", "set exactly one of user_id, team_id and service_account_id")
	}
	return f.ChangeRoles(ctx, in.ID, change)
}

// Delete revokes a grant.
func (f *Function) Delete(ctx context.Context, in *Request) (*access.RoleChangeResponse, error) {
	return f.ChangeRoles(ctx, in.ID, access.RoleChange{Kind: access.RevokeRole, GrantID: in.GrantID})
}
