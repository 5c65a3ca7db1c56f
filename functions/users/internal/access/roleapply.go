package access

import (
	"context"

	"github.com/jackc/pgx/v5"

	"function/shared/database"
)

const (
	setRole     = `UPDATE memberships SET role = $3 WHERE user_id = $1 AND organization_id = $2 RETURNING user_id, organization_id, role, status`
	insertGrant = `
INSERT INTO role_grants (id, organization_id, role, user_id, team_id, service_account_id, granted_by)
VALUES ($1, $2, $3, nullif($4, ` + nilID + `::uuid), nullif($5, ` + nilID + `::uuid), nullif($6, ` + nilID + `::uuid), $7)`
	deleteGrant = `DELETE FROM role_grants WHERE id = $1`
	upsertRole  = `
INSERT INTO roles (organization_id, name, description, permissions) VALUES ($1, $2, $3, $4)
ON CONFLICT (organization_id, name) DO UPDATE SET description = excluded.description, permissions = excluded.permissions, changed_at = now()`
	deleteRole      = `DELETE FROM roles WHERE organization_id = $1 AND name = $2`
	deleteTeam      = `DELETE FROM teams WHERE id = $1`
	leaveTeam       = `DELETE FROM team_members WHERE team_id = $1 AND user_id = $2`
	insertIntoTeam  = `INSERT INTO team_members (team_id, user_id, organization_id) VALUES ($1, $2, $3) ON CONFLICT (team_id, user_id) DO NOTHING`
	setParent       = `UPDATE teams SET parent_id = nullif($2, ` + nilID + `::uuid) WHERE id = $1`
	endSecondPerson = `UPDATE organizations SET settings = settings - 'require_second_person' WHERE id = $1`
)

// assign changes a member's role and publishes it.
func (x Actor) assign(ctx context.Context, c RoleChange, role string) error {
	m, err := database.One[Membership](ctx, x, pgx.ErrNoRows, setRole, c.UserID, x.organization, role)
	if err != nil {
		return err
	}
	return PublishMembership(ctx, x.Tx, m)
}
