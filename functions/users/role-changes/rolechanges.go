// Package rolechanges lets a second person decide about changes of roles, where an
// organization separates duties (SOX), for what is under
// /v1/organizations/{id}/role-changes and
// DELETE /v1/organizations/{id}/settings/require_second_person.
package rolechanges

import (
	"context"
	"fmt"

	"function/functions/users/internal/access"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/page"
	"function/shared/policy"
)

const path = "/v1/organizations/{id}/role-changes"

// Service declares the function.
var Service = function.Service("users-role-changes", New,
	function.On(function.Get("users-list-role-changes", path, "Changes of roles that wait, or have waited, for a second person", policy.RolesRead), (*Function).List),
	function.On(function.Post("users-approve-role-change", path+"/{change_id}/approve", "Approve a change of roles, which then takes effect", policy.RolesApprove.WithFreshProof()).
		Fails(fault.Conflict).
		Describe("Neither by who wanted it, nor by whose own rights it changes. Who wanted it must still be allowed to."), (*Function).Approve),
	function.On(function.Post("users-reject-role-change", path+"/{change_id}/reject", "Reject a change of roles", policy.RolesApprove.WithFreshProof()).
		Fails(fault.Conflict), (*Function).Reject),
	function.On(function.Delete("users-withdraw-role-change", path+"/{change_id}", "Take back a change of roles that you wanted", policy.Person.WithoutImpersonation()).
		Fails(fault.Conflict).
		Describe("While it waits."), (*Function).Withdraw),
	function.On(function.Delete("users-end-second-person", "/v1/organizations/{id}/settings/require_second_person", "Let changes of roles take effect at once", policy.OrganizationsWrite.WithFreshProof()).
		Describe("This, too, waits for a second person. All members are mailed when an owner asks for it. If nobody rejects it for 7 days, that person alone can approve it (alone_from), within 7 days more.").
		Answers(access.AnswersOfChanges), (*Function).End),
).
	Uses(function.Owns(database.Users), function.Keys)

// Organization names an organization.
type Organization struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// ListRequest asks for one page.
type ListRequest struct {
	Organization
	page.Query
}

// ListResponse is one page.
type ListResponse struct {
	Body page.Page[access.PendingRoleChange]
}

// Request names a change.
type Request struct {
	Organization
	ChangeID uuid.UUID `path:"change_id" format:"uuid"`
}

// Response is the change.
type Response struct{ Body access.PendingRoleChange }

// Function has changes of roles decided.
type Function struct{ access.RoleChanges }

// New opens the changes.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	changes, err := access.OpenRoleChanges(ctx, env)
	return &Function{changes}, err
}

const selectChanges = `SELECT ` + access.RoleChangeColumns + ` FROM role_changes WHERE organization_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3`

// List lists changes with what has become of them.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	before, err := in.Before()
	if err != nil {
		return nil, err
	}
	rows, _ := f.DB.Query(ctx, selectChanges, in.ID, before, in.Fetch())
	changes, err := pgx.CollectRows(rows, pgx.RowToStructByName[access.PendingRoleChange])
	if err != nil {
		return nil, fmt.Errorf("list role changes: %w", err)
	}
	return &ListResponse{Body: page.Of(in.Query, changes, func(c access.PendingRoleChange) uuid.UUID { return c.ID })}, nil
}

// Approve makes the change.
func (f *Function) Approve(ctx context.Context, in *Request) (*Response, error) {
	return f.decide(ctx, in, access.Approved)
}

// Reject leaves all as it is.
func (f *Function) Reject(ctx context.Context, in *Request) (*Response, error) {
	return f.decide(ctx, in, access.Rejected)
}

// Withdraw is the word of who wanted it.
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

// End asks for the end of the second person's approval.
func (f *Function) End(ctx context.Context, in *Organization) (*access.RoleChangeAnswer, error) {
	return f.ChangeRoles(ctx, in.ID, access.RoleChange{Kind: access.EndSecondPerson})
}
