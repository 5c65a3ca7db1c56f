package users

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/audit"
	"function/shared/auth"
	"function/shared/fault"
	"function/shared/outbox"
)

const (
	takeWaiting = `DELETE FROM provisioned_waiting WHERE person_id = $1 RETURNING team_id`
	joinTeams   = `INSERT INTO team_members (team_id, user_id, organization_id) SELECT unnest($1::uuid[]), $2, $3 ON CONFLICT DO NOTHING`
)

// joinWaiting brings a person into the teams that waited. A team that has got roles
// meanwhile which by may not give waits no longer: the provisioning system, which no
// longer sees the person in it, asks again, and learns why not.
func joinWaiting(ctx context.Context, tx *outbox.Tx, by, id, user, organization uuid.UUID) error {
	rows, _ := tx.Query(ctx, takeWaiting, id)
	waiting, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil || len(waiting) == 0 {
		return err
	}
	x, err := begin(ctx, tx, organization, by)
	if err != nil {
		return err
	}
	var joined []uuid.UUID
	for _, team := range waiting {
		err := x.mayFill(ctx, team)
		if err == nil {
			joined = append(joined, team)
			continue
		}
		f, ok := fault.As(err)
		if !ok {
			return err
		}
		entry := audit.Entry{Action: "team_members:change", ResourceID: team.String(), OrganizationID: organization, Refused: f.Detail, Detail: map[string]any{"user_id": user, "provisioned": true}}
		if err := audit.Record(ctx, tx, entry); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, joinTeams, joined, user, organization); err != nil {
		return fmt.Errorf("join teams: %w", err)
	}
	return nil
}

// mayFill refuses to have a provisioning system put people into a team that has roles
// which it may not give itself, and wherever a second person approves changes of roles:
// a program's wish is nobody's request that somebody could approve.
func (x changing) mayFill(ctx context.Context, team uuid.UUID) error {
	_, roles, err := x.path(ctx, team)
	if err != nil {
		return err
	}
	weighty, err := x.conveys(ctx, gains, roles)
	if err != nil || !weighty {
		return err
	}
	settings, err := SettingsOf(ctx, x, x.organization)
	if err == nil && settings.RequireSecondPerson {
		err = errSecondPerson
	}
	return err
}

var errSecondPerson = fault.New(fault.Conflict, "The team has roles, and a second person approves changes of roles here: people put others into it, by PUT /v1/organizations/{id}/teams/{team_id}/members/{user_id}")

// MayFillTeam is whether the caller, a provisioning system, may put people into a team,
// under the organization's lock.
func MayFillTeam(ctx context.Context, tx *outbox.Tx, caller auth.Caller, team uuid.UUID) error {
	x, err := beginFor(ctx, tx, caller.OrganizationID, caller)
	if err != nil {
		return err
	}
	return x.mayFill(ctx, team)
}

const (
	insertHandedOver = `INSERT INTO provisioned_teams (team_id, organization_id) VALUES ($1, $2) ON CONFLICT (team_id) DO NOTHING`
	deleteHandedOver = `DELETE FROM provisioned_teams WHERE team_id = $1 AND organization_id = $2`
)

// HandTeamOver lets the organization's provisioning system keep a team that people have
// made, which it may empty: so it takes what taking the team's roles takes.
func (s Store) HandTeamOver(ctx context.Context, organization, team uuid.UUID) error {
	return s.onTeam(ctx, "teams:hand_over", organization, team, func(x changing, roles []string) error {
		if _, err := x.conveys(ctx, loses, roles); err != nil {
			return err
		}
		if _, err := x.Exec(ctx, insertHandedOver, team, organization); err != nil {
			return fmt.Errorf("hand team over: %w", err)
		}
		return nil
	})
}

// TakeTeamBack ends that a provisioning system keeps a team.
func (s Store) TakeTeamBack(ctx context.Context, organization, team uuid.UUID) error {
	return s.onTeam(ctx, "teams:take_back", organization, team, func(x changing, _ []string) error {
		if _, err := x.Exec(ctx, deleteHandedOver, team, organization); err != nil {
			return fmt.Errorf("take team back: %w", err)
		}
		return nil
	})
}

// onTeam works on a team of the caller's organization, and is told the roles that its
// members have by it.
func (s Store) onTeam(ctx context.Context, action string, organization, team uuid.UUID, work func(changing, []string) error) error {
	caller, err := InOwn(ctx, organization)
	if err != nil {
		return err
	}
	return s.Act(ctx, audit.Entry{Action: action, ResourceID: team.String()}, func(tx *outbox.Tx, _ *audit.Entry) error {
		x, err := beginFor(ctx, tx, organization, caller)
		if err != nil {
			return err
		}
		_, roles, err := x.path(ctx, team)
		if err != nil {
			return err
		}
		return work(x, roles)
	})
}
