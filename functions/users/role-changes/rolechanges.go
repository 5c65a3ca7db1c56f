// Package rolechanges lets a second person decide on role changes in organizations that separate
// duties (SOX): everything under /v1/organizations/{id}/role-changes, and DELETE
// /v1/organizations/{id}/settings/require_second_person.
package rolechanges

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/access"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/page"
	"function/shared/policy"
)

const path = "/v1/organizations/{id}/role-changes"

// Service declares the function.
var Service = function.Service("users-role-changes", New,
	function.On(function.Get("users-list-role-changes", path, "List pending and decided role changes", policy.RolesRead), (*Function).List),
	function.On(function.Post("users-approve-role-change", path+"/{change_id}/approve", "Approve a role change, which then takes effect", policy.RolesApprove.WithFreshProof()).
		Fails(fault.Conflict).
		Describe("Neither the person who requested it nor anyone whose own rights it changes may approve it. The requester must still be allowed to make the change."), (*Function).Approve),
	function.On(function.Post("users-reject-role-change", path+"/{change_id}/reject", "Reject a role change", policy.RolesApprove.WithFreshProof()).
		Fails(fault.Conflict), (*Function).Reject),
	function.On(function.Delete("users-withdraw-role-change", path+"/{change_id}", "Withdraw a role change that you requested", policy.Person.WithoutImpersonation()).
		Fails(fault.Conflict).
		Describe("Only while it is pending."), (*Function).Withdraw),
	function.On(function.Delete("users-end-second-person", "/v1/organizations/{id}/settings/require_second_person", "Turn off second-person approval of role changes", policy.OrganizationsWrite.WithFreshProof()).
		Describe("This too needs a second person's approval. When an owner requests it, all members are notified by mail. If nobody rejects it within 7 days, the owner may approve it alone (alone_from) during the following 7 days.").
		Answers(access.PendingResponses), (*Function).End),
).
	Uses(function.Owns(database.Users), function.Keys)

// Organization identifies an organization.
type Organization struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// ListRequest selects one page.
type ListRequest struct {
	Organization
	page.Query
}

// ListResponse is one page.
type ListResponse struct {
	Body page.Page[access.PendingRoleChange]
}

// Request identifies a role change.
type Request struct {
	Organization
	ChangeID uuid.UUID `path:"change_id" format:"uuid"`
}

// Response is the role change.
type Response struct{ Body access.PendingRoleChange }

// Function decides on role changes.
type Function struct{ access.RoleChanges }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	changes, err := access.OpenRoleChanges(ctx, env)
	return &Function{changes}, err
}

const selectChanges = `SELECT ` + access.RoleChangeColumns + ` FROM role_changes WHERE organization_id = @organization AND id < @before ORDER BY id DESC LIMIT @limit`

// List lists role changes with their state.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	changes, err := page.List(ctx, f.Store.DB, in.Query, func(p access.PendingRoleChange) uuid.UUID { return p.ID }, selectChanges, pgx.NamedArgs{"organization": in.ID})
	return &ListResponse{Body: changes}, err
}

// Approve approves and applies a role change.
func (f *Function) Approve(ctx context.Context, in *Request) (*Response, error) {
	return f.decide(ctx, in, access.Approved)
}

// Reject rejects a role change.
func (f *Function) Reject(ctx context.Context, in *Request) (*Response, error) {
	return f.decide(ctx, in, access.Rejected)
}

// Withdraw withdraws a role change that the caller requested.
func (f *Function) Withdraw(ctx context.Context, in *Request) (*Response, error) {
	return f.decide(ctx, in, access.Withdrawn)
}

func (f *Function) decide(ctx context.Context, in *Request, decision string) (*Response, error) {
	change, err := f.Decide(ctx, in.ID, in.ChangeID, decision)
	if err != nil {
		return nil, err
	}
	return &Response{Body: *change}, nil
}

// End requests that second-person approval be turned off.
func (f *Function) End(ctx context.Context, in *Organization) (*access.RoleChangeResponse, error) {
	return f.ChangeRoles(ctx, in.ID, access.RoleChange{Kind: access.EndSecondPerson})
}
