package access

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/functions/users/internal/store"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/uuid7"
)

// maxTeams limits the teams of one organization.
const maxTeams = 10_000

const (
	countTeams = `SELECT count(*) FROM teams WHERE organization_id = $1`
	insertTeam = `INSERT INTO teams (id, organization_id, parent_id, name) VALUES ($1, $2, $3, $4) RETURNING created_at`
)

// CreateTeam creates a team in the caller's organization, optionally under a parent team. It
// has no members yet and so gives nobody a role.
func CreateTeam(ctx context.Context, s store.Store, organization uuid.UUID, name string, parent *uuid.UUID) (Team, error) {
	t := Team{ID: uuid7.New(), Name: name, ParentID: parent}
	caller, err := auth.Member(ctx)
	if err != nil {
		return t, err
	}
	err = act.Do(ctx, s.DB, audit.Entry{Action: "teams:create", ResourceID: t.ID.String()}, func(tx *outbox.Tx, _ *audit.Entry) error {
		x, err := ActorFor(ctx, tx, organization, caller)
		if err != nil {
			return err
		}
		if parent != nil {
			path, _, err := x.Path(ctx, *parent)
			if err != nil {
				return err
			}
			if len(path) >= maxTeamDepth {
				return errTooDeep
			}
		}
		return InsertTeam(ctx, tx, organization, &t)
	})
	return t, err
}

// InsertTeam stores a new team under the organization's lock, up to the limit.
func InsertTeam(ctx context.Context, tx *outbox.Tx, organization uuid.UUID, t *Team) error {
	var teams int
	if err := tx.QueryRow(ctx, countTeams, organization).Scan(&teams); err != nil {
		return fmt.Errorf("count teams: %w", err)
	}
	if teams >= maxTeams {
		return fault.New(fault.Conflict, "An organization can have at most %d teams", maxTeams)
	}
	if err := tx.QueryRow(ctx, insertTeam, t.ID, organization, t.ParentID, t.Name).Scan(&t.CreatedAt); err != nil {
		return fmt.Errorf("insert team: %w", err)
	}
	return nil
}
