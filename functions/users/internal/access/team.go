package access

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"function/functions/users/internal/store"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/policy"
)

// Team is a group of members of an organization. Roles granted to a team also apply to the
// members of its subteams.
type Team struct {
	ID        uuid.UUID  `json:"id" format:"uuid"`
	Name      string     `json:"name"`
	ParentID  *uuid.UUID `json:"parent_id,omitempty" format:"uuid" doc:"The parent team"`
	CreatedAt time.Time  `json:"created_at"`
}

// maxTeamDepth limits the nesting of teams.
const maxTeamDepth = 10

const selectTeamPath = `
WITH RECURSIVE up (id, parent_id) AS (
    SELECT id, parent_id FROM teams WHERE id = $1 AND organization_id = $2
    UNION
    SELECT t.id, t.parent_id FROM teams t JOIN up ON t.id = up.parent_id
)
SELECT array_agg(id), (SELECT coalesce(array_agg(DISTINCT role), '{}') FROM role_grants WHERE team_id IN (SELECT id FROM up)) FROM up`

// Path returns the identifiers of a team and its ancestors, and the roles that the team's
// members have through them.
func (x Actor) Path(ctx context.Context, team uuid.UUID) (path []uuid.UUID, roles []string, err error) {
	if err := x.QueryRow(ctx, selectTeamPath, team, x.organization).Scan(&path, &roles); err != nil {
		return nil, nil, fmt.Errorf("read path of team: %w", err)
	}
	if len(path) == 0 {
		return nil, nil, errNoTeam
	}
	return path, roles, nil
}

var errTooDeep = fault.At("body.parent_id", "teams can be nested at most %d levels deep", maxTeamDepth)

var errNoTeam = fault.New(fault.NotFound, "There is no such team")

// Reasons why a change to a team is also a role change.
const (
	addsRoles    = "This would also give people the roles of the team: %s"
	RemovesRoles = "This would also take the roles of the team away from people: %s"
)

// CheckTeamRoles refuses a change that gives or takes away the roles of a team, unless the
// actor may assign those roles.
func (x Actor) CheckTeamRoles(ctx context.Context, why string, roles []string) (sensitive bool, err error) {
	if len(roles) == 0 {
		return false, nil
	}
	if d := policy.Decide(x.subject, policy.Need{Permission: policy.RolesWrite}, time.Now()); !d.Allowed {
		return true, fault.New(fault.Forbidden, why, d.Reason)
	}
	for _, role := range roles {
		if err := x.CheckRole(ctx, role); err != nil {
			return true, err
		}
	}
	return true, nil
}

func (x Actor) mayJoin(ctx context.Context, c RoleChange) (sensitive bool, err error) {
	if _, err := x.Member(ctx, c.UserID); err != nil {
		return true, err
	}
	_, roles, err := x.Path(ctx, c.TeamID)
	if err != nil {
		return true, err
	}
	return x.CheckTeamRoles(ctx, addsRoles, roles)
}

const selectInTeam = `SELECT FROM team_members WHERE team_id = $1 AND user_id = $2`

func (x Actor) mayLeaveTeam(ctx context.Context, c RoleChange) (sensitive bool, err error) {
	_, roles, err := x.Path(ctx, c.TeamID)
	if err != nil {
		return true, err
	}
	err = x.QueryRow(ctx, selectInTeam, c.TeamID, c.UserID).Scan()
	if database.IsNoRows(err) {
		return true, fault.New(fault.NotFound, "This team has no member with this identifier")
	}
	if err != nil {
		return true, fmt.Errorf("read team member: %w", err)
	}
	return x.CheckTeamRoles(ctx, RemovesRoles, roles)
}

func (x Actor) mayDeleteTeam(ctx context.Context, c RoleChange) (sensitive bool, err error) {
	_, roles, err := x.Path(ctx, c.TeamID)
	if err != nil {
		return true, err
	}
	height, err := x.height(ctx, c.TeamID)
	if err != nil {
		return true, err
	}
	if height > 1 {
		return true, store.ErrHasSubteams
	}
	return x.CheckTeamRoles(ctx, RemovesRoles, roles)
}

const selectTeamHeight = `
WITH RECURSIVE under (id, depth) AS (
    SELECT id, 1 FROM teams WHERE id = $1 AND organization_id = $2
    UNION ALL
    SELECT t.id, u.depth + 1 FROM teams t JOIN under u ON t.parent_id = u.id
)
SELECT coalesce(max(depth), 0) FROM under`

// height is the number of levels of a team and its subteams.
func (x Actor) height(ctx context.Context, team uuid.UUID) (height int, err error) {
	if err := x.QueryRow(ctx, selectTeamHeight, team, x.organization).Scan(&height); err != nil {
		return 0, fmt.Errorf("read teams under team: %w", err)
	}
	return height, nil
}

const selectTeamRoles = `SELECT coalesce(array_agg(role), '{}') FROM role_grants WHERE team_id = $1`

// mayMove refuses cycles and too deep a nesting; the organization's lock prevents two moves
// from forming a cycle together. The members gain the roles of the new ancestors and lose
// those of the former ones; the actor needs the right to assign both.
func (x Actor) mayMove(ctx context.Context, c RoleChange) (sensitive bool, err error) {
	_, before, err := x.Path(ctx, c.TeamID)
	if err != nil {
		return true, err
	}
	var after []string
	if err := x.QueryRow(ctx, selectTeamRoles, c.TeamID).Scan(&after); err != nil {
		return true, fmt.Errorf("read roles of team: %w", err)
	}
	if c.ParentID != uuid.Nil {
		roles, err := x.newParentRoles(ctx, c)
		if err != nil {
			return true, err
		}
		after = append(after, roles...)
	}
	got, err := x.CheckTeamRoles(ctx, addsRoles, difference(after, before))
	if err != nil {
		return true, err
	}
	lost, err := x.CheckTeamRoles(ctx, RemovesRoles, difference(before, after))
	return got || lost, err
}

// within returns the roles of a team and its ancestors, if a team can be moved into it.
func (x Actor) newParentRoles(ctx context.Context, c RoleChange) ([]string, error) {
	height, err := x.height(ctx, c.TeamID)
	if err != nil {
		return nil, err
	}
	path, roles, err := x.Path(ctx, c.ParentID)
	switch {
	case err != nil:
		return nil, err
	case slices.Contains(path, c.TeamID):
		return nil, fault.At("body.parent_id", "the new parent is a descendant of this team")
	case len(path)+height > maxTeamDepth:
		return nil, errTooDeep
	}
	return roles, nil
}

// difference returns the roles of the first list that are not in the second.
func difference(some, others []string) []string {
	return slices.DeleteFunc(slices.Clone(some), func(role string) bool { return slices.Contains(others, role) })
}
