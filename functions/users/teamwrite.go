package users

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/shared/audit"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/uuid7"
)

// maxTeams bounds the teams of one organization.
const maxTeams = 10_000

const (
	countTeams = `SELECT count(*) FROM teams WHERE organization_id = $1`
	insertTeam = `INSERT INTO teams (id, organization_id, parent_id, name) VALUES ($1, $2, $3, $4) RETURNING created_at`
	deleteTeam = `DELETE FROM teams WHERE id = $1`
	leaveTeam  = `DELETE FROM team_members WHERE team_id = $1 AND user_id = $2`
)

// CreateTeam makes a team in the caller's organization, in another team or in none.
// Nobody is in it yet, so that it gives nobody a role.
func (s Store) CreateTeam(ctx context.Context, organization uuid.UUID, name string, parent *uuid.UUID) (Team, error) {
	t := Team{ID: uuid7.New(), Name: name, ParentID: parent}
	err := s.onTeams(ctx, "teams:create", organization, t.ID, func(x changing) error {
		if parent != nil {
			path, _, err := x.path(ctx, *parent)
			if err != nil {
				return err
			}
			if len(path) >= maxTeamDepth {
				return errTooDeep
			}
		}
		return InsertTeam(ctx, x.Tx, organization, &t)
	})
	return t, err
}

// InsertTeam stores a new team, under the organization's lock, if there is room for one.
func InsertTeam(ctx context.Context, tx *outbox.Tx, organization uuid.UUID, t *Team) error {
	var teams int
	if err := tx.QueryRow(ctx, countTeams, organization).Scan(&teams); err != nil {
		return fmt.Errorf("count teams: %w", err)
	}
	if teams >= maxTeams {
		return fault.New(fault.Conflict, "An organization has %d teams at the most", maxTeams)
	}
	if err := tx.QueryRow(ctx, insertTeam, t.ID, organization, t.ParentID, t.Name).Scan(&t.CreatedAt); err != nil {
		return fmt.Errorf("insert team: %w", err)
	}
	return nil
}

// DeleteTeam deletes a team in which no other lies, and what was granted to it.
func (s Store) DeleteTeam(ctx context.Context, organization, team uuid.UUID) error {
	return s.onTeams(ctx, "teams:delete", organization, team, func(x changing) error {
		if err := x.mayTake(ctx, team); err != nil {
			return err
		}
		if _, err := x.Exec(ctx, deleteTeam, team); err != nil {
			return fmt.Errorf("delete team: %w", err)
		}
		return nil
	})
}

// RemoveFromTeam takes a person out of a team.
func (s Store) RemoveFromTeam(ctx context.Context, organization, team, person uuid.UUID) error {
	return s.onTeams(ctx, "teams:remove_member", organization, team, func(x changing) error {
		if err := x.mayTake(ctx, team); err != nil {
			return err
		}
		gone, err := x.Exec(ctx, leaveTeam, team, person)
		if err != nil {
			return fmt.Errorf("delete team member: %w", err)
		}
		if gone.RowsAffected() == 0 {
			return fault.New(fault.NotFound, "Nobody with this identifier is in this team")
		}
		return nil
	}, person)
}

// mayTake refuses to take a team's roles from those in it, unless the caller may give them.
func (x changing) mayTake(ctx context.Context, team uuid.UUID) error {
	_, roles, err := x.path(ctx, team)
	if err == nil {
		_, err = x.conveys(ctx, roles)
	}
	return err
}

func (s Store) onTeams(ctx context.Context, action string, organization, team uuid.UUID, work func(changing) error, people ...uuid.UUID) error {
	caller, err := InOwn(ctx, organization)
	if err != nil {
		return err
	}
	entry := audit.Entry{Action: action, ResourceID: team.String(), Detail: map[string]any{}}
	for _, person := range people {
		entry.Detail["user_id"] = person
	}
	return s.Act(ctx, entry, func(tx *outbox.Tx, _ *audit.Entry) error {
		x, err := beginFor(ctx, tx, organization, caller)
		if err != nil {
			return err
		}
		return work(x)
	})
}
