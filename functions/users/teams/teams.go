// Package teams keeps the teams of an organization, which lie in each other, for what
// is under /v1/organizations/{id}/teams.
package teams

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

const (
	path = "/v1/organizations/{id}/teams"
	one  = path + "/{team_id}"
)

// The HTTP operations.
var (
	ListOperation = huma.Operation{
		OperationID: "users-list-teams", Method: http.MethodGet, Path: path,
		Summary: "Teams of your organization", Tags: []string{users.Tag}, Security: function.Needs(policy.TeamsRead),
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}
	GetOperation = huma.Operation{
		OperationID: "users-get-team", Method: http.MethodGet, Path: one,
		Summary: "One team", Tags: []string{users.Tag}, Security: function.Needs(policy.TeamsRead),
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}
	CreateOperation = huma.Operation{
		OperationID: "users-create-team", Method: http.MethodPost, Path: path,
		Summary: "Create a team", Tags: []string{users.Tag}, Security: function.Needs(policy.TeamsWrite),
		DefaultStatus: http.StatusCreated, Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict},
	}
	RenameOperation = huma.Operation{
		OperationID: "users-rename-team", Method: http.MethodPatch, Path: one,
		Summary: "Rename a team", Tags: []string{users.Tag}, Security: function.Needs(policy.TeamsWrite),
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict},
	}
	MoveOperation = huma.Operation{
		OperationID: "users-move-team", Method: http.MethodPut, Path: one + "/parent",
		Summary: "Move a team into another one, or out of it", Tags: []string{users.Tag}, Security: function.Needs(policy.TeamsWrite),
		Description: "Teams lie in each other 10 deep at the most. To move one into a team that has roles, or out of it, is a change of roles: it also takes roles:write and a fresh proof.",
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}, Responses: users.Waits,
	}
	DeleteOperation = huma.Operation{
		OperationID: "users-delete-team", Method: http.MethodDelete, Path: one,
		Summary: "Delete a team in which no other lies", Tags: []string{users.Tag}, Security: function.Needs(policy.TeamsWrite),
		Description: "One that has roles, itself or by one that it lies in: this is a change of roles, and also takes roles:write and a fresh proof.",
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict}, Responses: users.Waits,
	}
)

// Parts are the ways into this function.
var Parts = []function.Part[*Function]{
	function.On(ListOperation, (*Function).List),
	function.On(GetOperation, (*Function).Get),
	function.On(CreateOperation, (*Function).Create),
	function.On(RenameOperation, (*Function).Rename),
	function.On(MoveOperation, (*Function).Move),
	function.On(DeleteOperation, (*Function).Delete),
}

// ListRequest asks for one page.
type ListRequest struct {
	ID uuid.UUID `path:"id" format:"uuid"`
	page.Query
}

// ListResponse is one page.
type ListResponse struct{ Body page.Page[users.Team] }

// Request names a team.
type Request struct {
	ID     uuid.UUID `path:"id" format:"uuid"`
	TeamID uuid.UUID `path:"team_id" format:"uuid"`
}

// Named is a team's name.
type Named struct {
	Name users.DisplayName `json:"name" minLength:"1" maxLength:"100" doc:"No two teams are called the same, whatever the case"`
}

// CreateRequest is the team to create.
type CreateRequest struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Named
		ParentID *uuid.UUID `json:"parent_id,omitempty" format:"uuid" doc:"The team that it lies in"`
	}
}

// RenameRequest is a team's new name.
type RenameRequest struct {
	Request
	Body Named
}

// MoveRequest is where a team lies from now on.
type MoveRequest struct {
	Request
	Body struct {
		ParentID *uuid.UUID `json:"parent_id" format:"uuid" nullable:"true" doc:"null: in none"`
	}
}

// Response is a team.
type Response struct{ Body users.Team }

// Function keeps teams.
type Function struct{ users.RoleChanges }

// New opens the teams.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	changes, err := users.OpenRoleChanges(ctx, env)
	return &Function{changes}, err
}
