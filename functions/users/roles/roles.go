// Package roles manages an organization's roles: it lists the built-in and custom ones, and
// defines and deletes custom ones: everything under /v1/organizations/{id}/roles.
package roles

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/access"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Service("users-roles", New,
	function.On(function.Get("users-list-roles", "/v1/organizations/{id}/roles", "List roles and their permissions", policy.RolesRead), (*Function).List),
	function.On(function.Put("users-define-role", "/v1/organizations/{id}/roles/{role}", "Create or change a custom role", policy.RolesWrite.WithFreshProof()).
		Fails(fault.Conflict).
		Describe("Neither the role's old nor its new permissions may exceed your own.").
		Answers(access.PendingResponses), (*Function).Define),
	function.On(function.Delete("users-delete-role", "/v1/organizations/{id}/roles/{role}", "Delete a custom role", policy.RolesWrite.WithFreshProof()).
		Fails(fault.Conflict).
		Describe("Refused while the role is assigned to anybody or part of an open invitation.").
		Answers(access.PendingResponses), (*Function).Delete),
).
	Uses(function.Owns(database.Users), function.Keys)

// Organization identifies an organization.
type Organization struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// Role is a set of permissions.
type Role struct {
	Name        string              `json:"name"`
	BuiltIn     bool                `json:"built_in"`
	Description string              `json:"description"`
	Permissions []policy.Permission `json:"permissions" nullable:"false"`
}

// ListResponse lists all roles, built-in ones first.
type ListResponse struct {
	Body struct {
		Items     []Role              `json:"items" nullable:"false"`
		Grantable []policy.Permission `json:"grantable" nullable:"false" doc:"Permissions that a custom role can contain"`
	}
}

// Request identifies a role.
type Request struct {
	Organization
	Role string `path:"role" pattern:"^[a-z][a-z0-9_]{1,62}$"`
}

// DefineRequest contains the role's description and permissions.
type DefineRequest struct {
	Request
	Body struct {
		Description string              `json:"description,omitempty" maxLength:"500" pattern:"^[^\\x00]*$" patternDescription:"text without U+0000"`
		Permissions []policy.Permission `json:"permissions" minItems:"1" maxItems:"100" nullable:"false" doc:"resource:action" example:"[\"datasets:read\", \"reports:read\"]"`
	}
}

// Function manages roles.
type Function struct{ access.RoleChanges }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	changes, err := access.OpenRoleChanges(ctx, env)
	return &Function{changes}, err
}

const selectRoles = `SELECT name, description, permissions, false AS built_in FROM roles WHERE organization_id = $1 ORDER BY name`

// List lists the roles that members can have.
func (f *Function) List(ctx context.Context, in *Organization) (*ListResponse, error) {
	rows, _ := f.Store.DB.Query(ctx, selectRoles, in.ID)
	own, err := pgx.CollectRows(rows, pgx.RowToStructByName[Role])
	if err != nil {
		return nil, fmt.Errorf("list roles: %w", err)
	}
	var out ListResponse
	for _, name := range policy.BuiltIn() {
		out.Body.Items = append(out.Body.Items, Role{Name: name, BuiltIn: true, Permissions: policy.Permissions(name)})
	}
	out.Body.Items, out.Body.Grantable = append(out.Body.Items, own...), policy.Grantable()
	return &out, nil
}

// Define creates or changes a role.
func (f *Function) Define(ctx context.Context, in *DefineRequest) (*access.RoleChangeResponse, error) {
	slices.Sort(in.Body.Permissions)
	change := access.RoleChange{Kind: access.DefineRole, Role: in.Role, Description: in.Body.Description, Permissions: slices.Compact(in.Body.Permissions)}
	return f.ChangeRoles(ctx, in.ID, change)
}

// Delete deletes a role that is not in use.
func (f *Function) Delete(ctx context.Context, in *Request) (*access.RoleChangeResponse, error) {
	return f.ChangeRoles(ctx, in.ID, access.RoleChange{Kind: access.DeleteRole, Role: in.Role})
}
