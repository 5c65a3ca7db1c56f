package access

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"function/shared/policy"
)

const (
	setRole     = `UPDATE memberships SET role = $3 WHERE user_id = $1 AND organization_id = $2 RETURNING user_id, organization_id, role, status`
	insertGrant = `
INSERT INTO role_grants (id, organization_id, role, user_id, team_id, service_account_id, granted_by)
VALUES ($1, $2, $3, nullif($4, ` + nobody + `::uuid), nullif($5, ` + nobody + `::uuid), nullif($6, ` + nobody + `::uuid), $7)`
	deleteGrant = `DELETE FROM role_grants WHERE id = $1`
	upsertRole  = `
INSERT INTO roles (organization_id, name, description, permissions) VALUES ($1, $2, $3, $4)
ON CONFLICT (organization_id, name) DO UPDATE SET description = excluded.description, permissions = excluded.permissions, changed_at = now()`
	deleteRole      = `DELETE FROM roles WHERE organization_id = $1 AND name = $2`
	deleteTeam      = `DELETE FROM teams WHERE id = $1`
	leaveTeam       = `DELETE FROM team_members WHERE team_id = $1 AND user_id = $2`
	insertIntoTeam  = `INSERT INTO team_members (team_id, user_id, organization_id) VALUES ($1, $2, $3) ON CONFLICT (team_id, user_id) DO NOTHING`
	setParent       = `UPDATE teams SET parent_id = nullif($2, ` + nobody + `::uuid) WHERE id = $1`
	endSecondPerson = `UPDATE organizations SET settings = settings - 'require_second_person' WHERE id = $1`
)

// apply makes a permitted change. Every role change goes through it.
func (x Actor) apply(ctx context.Context, c RoleChange) error {
	if c.Kind == EndSecondPerson {
		return x.effect(ctx, c)
	}
	return KeepDeciders(ctx, x, x.organization, func() error { return x.effect(ctx, c) })
}

func (x Actor) effect(ctx context.Context, c RoleChange) (err error) {
	switch c.Kind {
	case AssignRole:
		err = x.assign(ctx, c, c.Role)
	case TransferOwnership:
		if err = x.assign(ctx, c, policy.Owner); err == nil {
			err = x.assign(ctx, RoleChange{UserID: x.by}, policy.Admin)
		}
	case GrantRole:
		_, err = x.Exec(ctx, insertGrant, c.GrantID, x.organization, c.Role, c.UserID, c.TeamID, c.ServiceAccountID, x.by)
	case RevokeRole:
		_, err = x.Exec(ctx, deleteGrant, c.GrantID)
	case DefineRole:
		_, err = x.Exec(ctx, upsertRole, x.organization, c.Role, c.Description, c.Permissions)
	case DeleteRole:
		_, err = x.Exec(ctx, deleteRole, x.organization, c.Role)
	case JoinTeam:
		_, err = x.Exec(ctx, insertIntoTeam, c.TeamID, c.UserID, x.organization)
	case LeaveTeam:
		_, err = x.Exec(ctx, leaveTeam, c.TeamID, c.UserID)
	case DeleteTeam:
		_, err = x.Exec(ctx, deleteTeam, c.TeamID)
	case MoveTeam:
		_, err = x.Exec(ctx, setParent, c.TeamID, c.ParentID)
	case EndSecondPerson:
		_, err = x.Exec(ctx, endSecondPerson, x.organization)
	}
	if err != nil {
		return fmt.Errorf("apply change of roles %s: %w", c.Kind, err)
	}
	return nil
}

// assign changes a member's role and publishes it.
func (x Actor) assign(ctx context.Context, c RoleChange, role string) error {
	rows, _ := x.Query(ctx, setRole, c.UserID, x.organization, role)
	m, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Membership])
	if err != nil {
		return err
	}
	return PublishMembership(ctx, x.Tx, m)
}
