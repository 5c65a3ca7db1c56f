// Package teams manages the teams of an organization, which can be nested: everything under
// /v1/organizations/{id}/teams.
package teams

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"function/functions/users/internal/access"
	"function/functions/users/internal/person"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/page"
	"function/shared/policy"
)

const (
	path     = "/v1/organizations/{id}/teams"
	teamPath = path + "/{team_id}"
)

// Service declares the function.
var Service = function.Service("users-teams", New,
	function.On(function.Get("users-list-teams", path, "List your organization's teams", policy.TeamsRead), (*Function).List),
	function.On(function.Get("users-get-team", teamPath, "One team", policy.TeamsRead), (*Function).Get),
	function.On(function.Post("users-create-team", path, "Create a team", policy.TeamsWrite).
		Status(http.StatusCreated).Fails(fault.Conflict), (*Function).Create),
	function.On(function.Patch("users-rename-team", teamPath, "Rename a team", policy.TeamsWrite).
		Fails(fault.Conflict), (*Function).Rename),
	function.On(function.Put("users-move-team", teamPath+"/parent", "Move a team to another parent", policy.TeamsWrite).
		Describe("Teams can be nested at most 10 levels deep. Moving a team into or out of one that has roles is a role change: it also requires roles:write and step-up authentication.").
		Answers(access.PendingResponses), (*Function).Move),
	function.On(function.Delete("users-delete-team", teamPath, "Delete a team without subteams", policy.TeamsWrite).
		Fails(fault.Conflict).
		Describe("If the team has roles, its own or inherited from a parent team, this is a role change: it also requires roles:write and step-up authentication.").
		Answers(access.PendingResponses), (*Function).Delete),
).
	Uses(function.Owns(database.Users), function.Keys)

// ListRequest selects one page.
type ListRequest struct {
	ID uuid.UUID `path:"id" format:"uuid"`
	page.Query
}

// ListResponse is one page.
type ListResponse struct{ Body page.Page[access.Team] }

// Request identifies a team.
type Request struct {
	ID     uuid.UUID `path:"id" format:"uuid"`
	TeamID uuid.UUID `path:"team_id" format:"uuid"`
}

// Named contains a team's name.
type Named struct {
	Name person.DisplayName `json:"name" minLength:"1" maxLength:"100" doc:"Unique among the organization's teams, ignoring case"`
}

// CreateRequest is the team to create.
type CreateRequest struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Named
		ParentID *uuid.UUID `json:"parent_id,omitempty" format:"uuid" doc:"The parent team"`
	}
}

// RenameRequest contains a team's new name.
type RenameRequest struct {
	Request
	Body Named
}

// MoveRequest contains a team's new parent.
type MoveRequest struct {
	Request
	Body struct {
		ParentID *uuid.UUID `json:"parent_id" format:"uuid" nullable:"true" doc:"null: no parent team"`
	}
}

// Response is a team.
type Response struct{ Body access.Team }

// Function manages teams.
type Function struct{ access.RoleChanges }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	changes, err := access.OpenRoleChanges(ctx, env)
	return &Function{changes}, err
}
