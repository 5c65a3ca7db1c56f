// Package provisioning links people and teams to the directory that provisions them (SCIM
// 2.0, RFC 7643 and RFC 7644), for the functions under /scim/v2 and those that accept
// members.
package provisioning

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/access"
	"function/functions/users/internal/store"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/fault"
	"function/shared/outbox"
)

const (
	takeWaiting = `DELETE FROM provisioned_waiting WHERE person_id = $1 RETURNING team_id`
	joinTeams   = `INSERT INTO team_members (team_id, user_id, organization_id) SELECT unnest($1::uuid[]), $2, $3 ON CONFLICT DO NOTHING`
)

// joinWaitingTeams adds a person to the teams that they were provisioned into before they became a
// member. It skips a team that has since been granted roles that by may not assign, and records
// the refusal. The provisioning system, which no longer sees the person in that team, will try
// again and get the reason.
func joinWaitingTeams(ctx context.Context, tx *outbox.Tx, by, id, user, organization uuid.UUID) error {
	rows, _ := tx.Query(ctx, takeWaiting, id)
	waiting, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil || len(waiting) == 0 {
		return err
	}
	x, err := access.NewActor(ctx, tx, organization, by)
	if err != nil {
		return err
	}
	var joined []uuid.UUID
	for _, team := range waiting {
		err := x.MayProvisionTeam(ctx, team)
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

// MayProvisionTeam refuses to let the caller, a provisioning system, add people to a team whose
// roles it may not assign. It takes the organization's lock.
func MayProvisionTeam(ctx context.Context, tx *outbox.Tx, caller auth.Caller, team uuid.UUID) error {
	x, err := access.ActorFor(ctx, tx, caller.OrganizationID, caller)
	if err != nil {
		return err
	}
	return x.MayProvisionTeam(ctx, team)
}

const (
	insertHandedOver = `INSERT INTO provisioned_teams (team_id, organization_id) VALUES ($1, $2) ON CONFLICT (team_id) DO NOTHING`
	deleteHandedOver = `DELETE FROM provisioned_teams WHERE team_id = $1 AND organization_id = $2`
)

// HandTeamOver lets the organization's provisioning system manage a team that was created by a
// member. The system could then remove all members from the team, so the caller needs the right
// to take away the team's roles.
func HandTeamOver(ctx context.Context, s store.Store, organization, team uuid.UUID) error {
	return changeTeam(ctx, s, "teams:hand_over", organization, team, func(x access.Actor, roles []string) error {
		if _, err := x.CheckTeamRoles(ctx, access.RemovesRoles, roles); err != nil {
			return err
		}
		if _, err := x.Exec(ctx, insertHandedOver, team, organization); err != nil {
			return fmt.Errorf("hand team over: %w", err)
		}
		return nil
	})
}

// TakeTeamBack ends the management of a team by the provisioning system.
func TakeTeamBack(ctx context.Context, s store.Store, organization, team uuid.UUID) error {
	return changeTeam(ctx, s, "teams:take_back", organization, team, func(x access.Actor, _ []string) error {
		if _, err := x.Exec(ctx, deleteHandedOver, team, organization); err != nil {
			return fmt.Errorf("take team back: %w", err)
		}
		return nil
	})
}

// changeTeam runs work on a team of the caller's organization, passing the roles that the team
// grants.
func changeTeam(ctx context.Context, s store.Store, action string, organization, team uuid.UUID, work func(access.Actor, []string) error) error {
	caller, err := auth.Member(ctx)
	if err != nil {
		return err
	}
	return act.Do(ctx, s.DB, audit.Entry{Action: action, ResourceID: team.String()}, func(tx *outbox.Tx, _ *audit.Entry) error {
		x, err := access.ActorFor(ctx, tx, organization, caller)
		if err != nil {
			return err
		}
		_, roles, err := x.Path(ctx, team)
		if err != nil {
			return err
		}
		return work(x, roles)
	})
}
