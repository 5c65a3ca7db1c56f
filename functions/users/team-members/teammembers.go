// Package teammembers manages the members of a team: everything under
// /v1/organizations/{id}/teams/{team_id}/members.
package teammembers

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/access"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/page"
	"function/shared/policy"
)

const (
	path       = "/v1/organizations/{id}/teams/{team_id}/members"
	memberPath = path + "/{user_id}"
)

// Service declares the function.
var Service = function.Service("users-team-members", New,
	function.On(function.Get("users-list-team-members", path, "List a team's members", policy.TeamsRead), (*Function).List),
	function.On(function.Put("users-add-team-member", memberPath, "Add a member to a team", policy.TeamsWrite).
		Describe("If the team has roles, its own or inherited from a parent team, this is a role change: it also requires roles:write and step-up authentication.").
		Answers(access.PendingResponses), (*Function).Add),
	function.On(function.Delete("users-remove-team-member", memberPath, "Remove a member from a team", policy.TeamsWrite).
		Describe("If the team has roles, its own or inherited from a parent team, this is a role change: it also requires roles:write and step-up authentication.").
		Answers(access.PendingResponses), (*Function).Remove),
).
	Uses(function.Owns(database.Users), function.Keys)

// Team identifies a team.
type Team struct {
	ID     uuid.UUID `path:"id" format:"uuid"`
	TeamID uuid.UUID `path:"team_id" format:"uuid"`
}

// ListRequest selects one page.
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

// Request identifies a team and a person.
type Request struct {
	Team
	UserID uuid.UUID `path:"user_id" format:"uuid"`
}

// Function manages team members.
type Function struct{ access.RoleChanges }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	changes, err := access.OpenRoleChanges(ctx, env)
	return &Function{changes}, err
}

const (
	selectTeam    = `SELECT EXISTS (SELECT FROM teams WHERE organization_id = $1 AND id = $2)`
	selectMembers = `
SELECT user_id, created_at AS joined_at FROM team_members
WHERE organization_id = @organization AND team_id = @team AND user_id < @before ORDER BY user_id DESC LIMIT @limit`
)

// List lists the members of a team, without those of its subteams.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	var exists bool
	if err := f.Store.DB.QueryRow(ctx, selectTeam, in.ID, in.TeamID).Scan(&exists); err != nil {
		return nil, fmt.Errorf("look up team: %w", err)
	}
	if !exists {
		return nil, fault.New(fault.NotFound, "There is no such team")
	}
	members, err := page.List(ctx, f.Store.DB, in.Query, func(t TeamMember) uuid.UUID { return t.UserID }, selectMembers, pgx.NamedArgs{"organization": in.ID, "team": in.TeamID})
	return &ListResponse{Body: members}, err
}

// Add adds a member to a team.
func (f *Function) Add(ctx context.Context, in *Request) (*access.RoleChangeResponse, error) {
	return f.ChangeRoles(ctx, in.ID, access.RoleChange{Kind: access.JoinTeam, TeamID: in.TeamID, UserID: in.UserID})
}

// Remove removes a member from a team.
func (f *Function) Remove(ctx context.Context, in *Request) (*access.RoleChangeResponse, error) {
	return f.ChangeRoles(ctx, in.ID, access.RoleChange{Kind: access.LeaveTeam, TeamID: in.TeamID, UserID: in.UserID})
}
