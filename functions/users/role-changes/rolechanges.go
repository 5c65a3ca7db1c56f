// Package rolechanges lets a second person decide about changes of roles, where an
// organization separates duties (SOX), for what is under
// /v1/organizations/{id}/role-changes and
// DELETE /v1/organizations/{id}/settings/require_second_person.
package rolechanges

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users"
	"function/shared/function"
	"function/shared/page"
	"function/shared/policy"
)

const path = "/v1/organizations/{id}/role-changes"

// The HTTP operations.
var (
	ListOperation = huma.Operation{
		OperationID: "users-list-role-changes", Method: http.MethodGet, Path: path,
		Summary: "Changes of roles that wait, or have waited, for a second person", Tags: []string{users.Tag}, Security: function.Needs(policy.RolesRead),
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}
	ApproveOperation = huma.Operation{
		OperationID: "users-approve-role-change", Method: http.MethodPost, Path: path + "/{change_id}/approve",
		Summary: "Approve a change of roles, which then takes effect", Tags: []string{users.Tag}, Security: function.NeedsFresh(policy.RolesApprove),
		Description: "Neither by who wanted it, nor by whose own rights it changes. Who wanted it must still be allowed to.",
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict},
	}
	RejectOperation = huma.Operation{
		OperationID: "users-reject-role-change", Method: http.MethodPost, Path: path + "/{change_id}/reject",
		Summary: "Reject a change of roles", Tags: []string{users.Tag}, Security: function.NeedsFresh(policy.RolesApprove),
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict},
	}
	WithdrawOperation = huma.Operation{
		OperationID: "users-withdraw-role-change", Method: http.MethodDelete, Path: path + "/{change_id}",
		Summary: "Take back a change of roles that you wanted", Tags: []string{users.Tag}, Security: function.Person,
		Description: "While it waits.",
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict},
	}
	EndOperation = huma.Operation{
		OperationID: "users-end-second-person", Method: http.MethodDelete, Path: "/v1/organizations/{id}/settings/require_second_person",
		Summary: "Let changes of roles take effect at once", Tags: []string{users.Tag}, Security: function.NeedsFresh(policy.OrganizationsWrite),
		Description: "This, too, waits for a second person. All members are mailed when an owner asks for it; if nobody rejects it for 7 days, the owner can approve it alone (alone_from), within 7 days more.",
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}, Responses: users.Waits,
	}
)

// Parts are the ways into this function.
var Parts = []function.Part[*Function]{
	function.On(ListOperation, (*Function).List),
	function.On(ApproveOperation, (*Function).Approve),
	function.On(RejectOperation, (*Function).Reject),
	function.On(WithdrawOperation, (*Function).Withdraw),
	function.On(EndOperation, (*Function).End),
}

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
	Body page.Page[users.PendingRoleChange]
}

// Request names a change.
type Request struct {
	Organization
	ChangeID uuid.UUID `path:"change_id" format:"uuid"`
}

// Response is the change.
type Response struct{ Body users.PendingRoleChange }

// Function has changes of roles decided.
type Function struct{ users.RoleChanges }

// New opens the changes.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	changes, err := users.OpenRoleChanges(ctx, env)
	return &Function{changes}, err
}

const selectChanges = `SELECT ` + users.RoleChangeColumns + ` FROM role_changes WHERE organization_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3`

// List lists changes with what has become of them.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	if _, err := users.InOwn(ctx, in.ID); err != nil {
		return nil, err
	}
	before, err := in.Before()
	if err != nil {
		return nil, err
	}
	rows, _ := f.DB.Query(ctx, selectChanges, in.ID, before, in.Fetch())
	changes, err := pgx.CollectRows(rows, pgx.RowToStructByName[users.PendingRoleChange])
	if err != nil {
		return nil, fmt.Errorf("list role changes: %w", err)
	}
	return &ListResponse{Body: page.Of(in.Query, changes, func(c users.PendingRoleChange) uuid.UUID { return c.ID })}, nil
}

// Approve makes the change.
func (f *Function) Approve(ctx context.Context, in *Request) (*Response, error) {
	return f.decide(ctx, in, users.Approved)
}

// Reject leaves all as it is.
func (f *Function) Reject(ctx context.Context, in *Request) (*Response, error) {
	return f.decide(ctx, in, users.Rejected)
}

// Withdraw is the word of who wanted it.
func (f *Function) Withdraw(ctx context.Context, in *Request) (*Response, error) {
	return f.decide(ctx, in, users.Withdrawn)
}

func (f *Function) decide(ctx context.Context, in *Request, decision string) (*Response, error) {
	change, err := f.Decide(ctx, in.ID, in.ChangeID, decision)
	if err != nil {
		return nil, err
	}
	return &Response{Body: *change}, nil
}

// End asks for the end of the second person's approval.
func (f *Function) End(ctx context.Context, in *Organization) (*users.RoleChangeAnswer, error) {
	return f.ChangeRoles(ctx, in.ID, users.RoleChange{Kind: users.EndSecondPerson})
}
