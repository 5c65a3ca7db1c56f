package access

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/fault"
	"function/shared/policy"
)

func (x Actor) owner() bool { return slices.Contains(x.subject.Roles, policy.Owner) }

const selectPermissions = `SELECT permissions FROM roles WHERE organization_id = $1 AND name = $2`

// Role refuses a role that there is not, or that may do what the one who wants to give
// or take it may not.
func (x Actor) Role(ctx context.Context, name string) error {
	permissions := policy.Permissions(name)
	if !slices.Contains(policy.BuiltIn(), name) { // the platform's own is not the organization's to give
		err := x.QueryRow(ctx, selectPermissions, x.organization, name).Scan(&permissions)
		if database.IsNoRows(err) {
			return fault.At("body.role", "there is no such role in this organization")
		}
		if err != nil {
			return fmt.Errorf("read role: %w", err)
		}
	}
	switch {
	case name == policy.Owner && !x.owner():
		return fault.New(fault.Forbidden, "Only an owner makes, or unmakes, an owner")
	case !policy.Covers(x.subject, permissions):
		return fault.New(fault.Forbidden, "This role may do what you may not: nobody gives or takes rights beyond their own")
	}
	return nil
}

const selectMember = `SELECT user_id, organization_id, role, status FROM memberships WHERE user_id = $1 AND organization_id = $2 FOR UPDATE`

func (x Actor) Member(ctx context.Context, person uuid.UUID) (Membership, error) {
	rows, _ := x.Query(ctx, selectMember, person, x.organization)
	m, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Membership])
	if database.IsNoRows(err) {
		return m, fault.New(fault.NotFound, "Nobody with this identifier is in this organization")
	}
	if err != nil {
		return m, fmt.Errorf("read membership: %w", err)
	}
	return m, nil
}

func (x Actor) mayAssign(ctx context.Context, c RoleChange) error {
	m, err := x.Member(ctx, c.UserID)
	if err != nil {
		return err
	}
	if m.Status == MembershipRequested {
		return fault.New(fault.Conflict, "This person has not been let in yet: approve the membership, with the role")
	}
	if err := x.Role(ctx, m.Role); err != nil {
		return err
	}
	if c.Role == policy.Owner {
		if err := x.canOwn(ctx, m); err != nil {
			return err
		}
	}
	return x.Role(ctx, c.Role)
}

const lockSuspended = `SELECT suspended_at IS NOT NULL FROM users WHERE id = $1 FOR SHARE` // the platform suspends before, or after

// canOwn refuses an owner who could not act as one.
func (x Actor) canOwn(ctx context.Context, m Membership) error {
	var suspended bool
	if err := x.QueryRow(ctx, lockSuspended, m.UserID).Scan(&suspended); err != nil {
		return fmt.Errorf("read account: %w", err)
	}
	if suspended || m.Status != MembershipActive {
		return fault.New(fault.Conflict, "Only an active member, whose account is not suspended, can become an owner")
	}
	return nil
}

const selectServiceAccount = `SELECT FROM service_accounts WHERE id = $1 AND organization_id = $2`

func (x Actor) mayGrant(ctx context.Context, c RoleChange) error {
	if c.Role == policy.Owner {
		return fault.At("body.role", "ownership is a member's role, and not granted beside it")
	}
	if c.ServiceAccountID != uuid.Nil {
		err := x.QueryRow(ctx, selectServiceAccount, c.ServiceAccountID, x.organization).Scan()
		if database.IsNoRows(err) {
			return fault.New(fault.NotFound, "There is no such service account")
		}
		if err != nil {
			return fmt.Errorf("read service account: %w", err)
		}
	}
	return x.Role(ctx, c.Role)
}

const (
	nobody      = `'00000000-0000-0000-0000-000000000000'`
	selectGrant = `
SELECT role, coalesce(user_id, ` + nobody + `), coalesce(team_id, ` + nobody + `), coalesce(service_account_id, ` + nobody + `)
FROM role_grants WHERE id = $1 AND organization_id = $2`
)

func (x Actor) mayRevoke(ctx context.Context, c *RoleChange) error {
	err := x.QueryRow(ctx, selectGrant, c.GrantID, x.organization).Scan(&c.Role, &c.UserID, &c.TeamID, &c.ServiceAccountID)
	if database.IsNoRows(err) {
		return fault.New(fault.NotFound, "There is no such grant")
	}
	if err != nil {
		return fmt.Errorf("read grant: %w", err)
	}
	return x.Role(ctx, c.Role)
}

func (x Actor) mayTransfer(ctx context.Context, c RoleChange) error {
	if !x.owner() {
		return fault.New(fault.Forbidden, "Only an owner gives ownership away")
	}
	m, err := x.Member(ctx, c.UserID)
	switch {
	case err != nil:
		return err
	case c.UserID == x.by:
		return fault.At("body.user_id", "this is yourself")
	}
	return x.canOwn(ctx, m)
}

// maxOwnRoles bounds the roles of one organization, which are listed as a whole.
const maxOwnRoles = 200

const selectRoleUse = `
SELECT (SELECT count(*) FROM roles WHERE organization_id = $1 AND name <> $2),
       EXISTS (SELECT FROM roles WHERE organization_id = $1 AND name = $2),
       EXISTS (SELECT FROM memberships WHERE organization_id = $1 AND role = $2)
    OR EXISTS (SELECT FROM role_grants WHERE organization_id = $1 AND role = $2)
    OR EXISTS (SELECT FROM invitations WHERE organization_id = $1 AND role = $2 AND ended_at IS NULL AND expires_at > now())`

// use is what there is of roles beside one, and of that one.
type use struct {
	others       int
	exists, held bool
}

func (x Actor) use(ctx context.Context, role string) (u use, err error) {
	if err := x.QueryRow(ctx, selectRoleUse, x.organization, role).Scan(&u.others, &u.exists, &u.held); err != nil {
		return u, fmt.Errorf("look up use of role: %w", err)
	}
	return u, nil
}

func (x Actor) mayDefine(ctx context.Context, c RoleChange) error {
	u, err := x.use(ctx, c.Role)
	switch {
	case err != nil:
		return err
	case policy.IsBuiltIn(c.Role):
		return fault.At("path.role", "a built-in role is called so")
	case u.others >= maxOwnRoles:
		return fault.New(fault.Conflict, "An organization has %d roles of its own at the most", maxOwnRoles)
	case slices.ContainsFunc(c.Permissions, func(p policy.Permission) bool { return !slices.Contains(policy.Grantable(), p) }):
		return fault.At("body.permissions", "a role allows what GET /v1/organizations/{id}/roles lists as grantable, and nothing else")
	case !policy.Covers(x.subject, c.Permissions):
		return fault.New(fault.Forbidden, "You cannot put into a role what you may not do yourself")
	case u.exists:
		return x.Role(ctx, c.Role)
	}
	return nil
}

func (x Actor) mayDelete(ctx context.Context, c RoleChange) error {
	u, err := x.use(ctx, c.Role)
	switch {
	case err != nil:
		return err
	case policy.IsBuiltIn(c.Role):
		return fault.New(fault.Conflict, "A built-in role stays")
	case !u.exists:
		return fault.New(fault.NotFound, "There is no such role in this organization")
	case u.held:
		return fault.New(fault.Conflict, "Somebody has, or is invited to, this role: take it from them first")
	}
	return x.Role(ctx, c.Role)
}
