package users

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"function/shared/fault"
	"function/shared/policy"
)

// Team is some members of an organization. What is granted to a team, the members of
// the teams in it have too.
type Team struct {
	ID        uuid.UUID  `json:"id" format:"uuid"`
	Name      string     `json:"name"`
	ParentID  *uuid.UUID `json:"parent_id,omitempty" format:"uuid" doc:"The team that it lies in"`
	CreatedAt time.Time  `json:"created_at"`
}

// maxTeamDepth is how deep teams lie in each other at the most.
const maxTeamDepth = 10

const selectTeamPath = `
WITH RECURSIVE up (id, parent_id) AS (
    SELECT id, parent_id FROM teams WHERE id = $1 AND organization_id = $2
    UNION
    SELECT t.id, t.parent_id FROM teams t JOIN up ON t.id = up.parent_id
)
SELECT array_agg(id), (SELECT coalesce(array_agg(DISTINCT role), '{}') FROM role_grants WHERE team_id IN (SELECT id FROM up)) FROM up`

// path is a team and those that it lies in, and the roles that its members have by it.
func (x changing) path(ctx context.Context, team uuid.UUID) (path []uuid.UUID, roles []string, err error) {
	if err := x.QueryRow(ctx, selectTeamPath, team, x.organization).Scan(&path, &roles); err != nil {
		return nil, nil, fmt.Errorf("read path of team: %w", err)
	}
	if len(path) == 0 {
		return nil, nil, errNoTeam
	}
	return path, roles, nil
}

var errTooDeep = fault.At("body.parent_id", "teams lie in each other %d deep at the most", maxTeamDepth)

var errNoTeam = fault.New(fault.NotFound, "There is no such team")

// conveys refuses to give the roles of a team to those who get into it, unless the one
// who wants it may give them.
func (x changing) conveys(ctx context.Context, roles []string) (weighty bool, err error) {
	if len(roles) == 0 {
		return false, nil
	}
	if d := policy.Decide(x.subject, policy.Need{Permission: policy.RolesWrite}, time.Now()); !d.Allowed {
		return true, fault.New(fault.Forbidden, "The team has roles, which whoever gets into it gets: %s", d.Reason)
	}
	for _, role := range roles {
		if err := x.role(ctx, role); err != nil {
			return true, err
		}
	}
	return true, nil
}

func (x changing) mayJoin(ctx context.Context, c RoleChange) (weighty bool, err error) {
	if _, err := x.member(ctx, c.UserID); err != nil {
		return true, err
	}
	_, roles, err := x.path(ctx, c.TeamID)
	if err != nil {
		return true, err
	}
	return x.conveys(ctx, roles)
}

const selectTeamHeight = `
WITH RECURSIVE under (id, depth) AS (
    SELECT id, 1 FROM teams WHERE id = $1 AND organization_id = $2
    UNION ALL
    SELECT t.id, u.depth + 1 FROM teams t JOIN under u ON t.parent_id = u.id
)
SELECT array_agg(id), coalesce(max(depth), 0) FROM under`

// mayMove refuses a circle and too deep a nesting; the organization's lock keeps two
// moves from making one together.
func (x changing) mayMove(ctx context.Context, c RoleChange) (weighty bool, err error) {
	var under []uuid.UUID
	var height int
	if err := x.QueryRow(ctx, selectTeamHeight, c.TeamID, x.organization).Scan(&under, &height); err != nil {
		return true, fmt.Errorf("read teams under team: %w", err)
	}
	if len(under) == 0 {
		return true, errNoTeam
	}
	if c.ParentID == uuid.Nil {
		return false, nil
	}
	path, roles, err := x.path(ctx, c.ParentID)
	if err != nil {
		return true, err
	}
	for _, above := range path {
		if above == c.TeamID {
			return true, fault.At("body.parent_id", "this team lies in the one that is to lie in it")
		}
	}
	if len(path)+height > maxTeamDepth {
		return true, errTooDeep
	}
	return x.conveys(ctx, roles)
}
