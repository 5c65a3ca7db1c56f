// Package teammembers keeps who is in a team, for what is under
// /v1/organizations/{id}/teams/{team_id}/members.
package teammembers

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users"
	"function/shared/function"
	"function/shared/page"
	"function/shared/policy"
)

const (
	path = "/v1/organizations/{id}/teams/{team_id}/members"
	one  = path + "/{user_id}"
)

// The HTTP operations.
var (
	ListOperation = huma.Operation{
		OperationID: "users-list-team-members", Method: http.MethodGet, Path: path,
		Summary: "Who is in a team", Tags: []string{users.Tag}, Security: function.Needs(policy.TeamsRead),
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}
	AddOperation = huma.Operation{
		OperationID: "users-add-team-member", Method: http.MethodPut, Path: one,
		Summary: "Take a member into a team", Tags: []string{users.Tag}, Security: function.Needs(policy.TeamsWrite),
		Description: "Into a team that has roles, itself or by one that it lies in, this is a change of roles: it also takes roles:write and a fresh proof.",
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}, Responses: users.Waits,
	}
	RemoveOperation = huma.Operation{
		OperationID: "users-remove-team-member", Method: http.MethodDelete, Path: one,
		Summary: "Take a member out of a team", Tags: []string{users.Tag}, Security: function.Needs(policy.TeamsWrite),
		Description: "Out of a team that has roles, itself or by one that it lies in, this is a change of roles: it also takes roles:write and a fresh proof.",
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}, Responses: users.Waits,
	}
)

// Parts are the ways into this function.
var Parts = []function.Part[*Function]{
	function.On(ListOperation, (*Function).List),
	function.On(AddOperation, (*Function).Add),
	function.On(RemoveOperation, (*Function).Remove),
}

// Team names a team.
type Team struct {
	ID     uuid.UUID `path:"id" format:"uuid"`
	TeamID uuid.UUID `path:"team_id" format:"uuid"`
}

// ListRequest asks for one page.
type ListRequest struct {
	Team
	page.Query
}

// TeamMember is a person in a team.
type TeamMember struct {
	UserID   uuid.UUID `json:"user_id" format:"uuid"`
	JoinedAt time.Time `json:"joined_at"`
}

// ListResponse is one page.
type ListResponse struct{ Body page.Page[TeamMember] }

// Request names a person and a team.
type Request struct {
	Team
	UserID uuid.UUID `path:"user_id" format:"uuid"`
}

// Function keeps who is in teams.
type Function struct{ users.RoleChanges }

// New opens the teams.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	changes, err := users.OpenRoleChanges(ctx, env)
	return &Function{changes}, err
}

const selectMembers = `
SELECT user_id, created_at AS joined_at FROM team_members
WHERE organization_id = $1 AND team_id = $2 AND user_id < $3 ORDER BY user_id DESC LIMIT $4`

// List lists who is in a team itself: a team that there is not has nobody in it.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	if _, err := users.InOwn(ctx, in.ID); err != nil {
		return nil, err
	}
	before, err := in.Before()
	if err != nil {
		return nil, err
	}
	rows, _ := f.DB.Query(ctx, selectMembers, in.ID, in.TeamID, before, in.Fetch())
	members, err := pgx.CollectRows(rows, pgx.RowToStructByName[TeamMember])
	if err != nil {
		return nil, fmt.Errorf("list team members: %w", err)
	}
	return &ListResponse{Body: page.Of(in.Query, members, func(m TeamMember) uuid.UUID { return m.UserID })}, nil
}

// Add takes a member into a team.
func (f *Function) Add(ctx context.Context, in *Request) (*users.RoleChangeAnswer, error) {
	return f.ChangeRoles(ctx, in.ID, users.RoleChange{Kind: users.JoinTeam, TeamID: in.TeamID, UserID: in.UserID})
}

// Remove takes a member out of a team.
func (f *Function) Remove(ctx context.Context, in *Request) (*users.RoleChangeAnswer, error) {
	return f.ChangeRoles(ctx, in.ID, users.RoleChange{Kind: users.LeaveTeam, TeamID: in.TeamID, UserID: in.UserID})
}
