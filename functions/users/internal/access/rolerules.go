package access

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"function/shared/database"
	"function/shared/fault"
	"function/shared/policy"
)

func (x Actor) owner() bool { return slices.Contains(x.subject.Roles, policy.Owner) }

const selectPermissions = `SELECT permissions FROM roles WHERE organization_id = $1 AND name = $2`

// CheckRole refuses a role that does not exist or allows more than the actor may do.
func (x Actor) CheckRole(ctx context.Context, name string) error {
	permissions := policy.Permissions(name)
	if !slices.Contains(policy.BuiltIn(), name) { // platform roles are not in policy.BuiltIn, so an organization cannot grant them
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
		return fault.New(fault.Forbidden, "Only an owner can give or take away ownership")
	case !policy.Covers(x.subject, permissions):
		return fault.New(fault.Forbidden, "This role allows more than you may do yourself: you can only give or take away rights that you have")
	}
	return nil
}

const selectMember = `SELECT user_id, organization_id, role, status FROM memberships WHERE user_id = $1 AND organization_id = $2 FOR UPDATE`

func (x Actor) Member(ctx context.Context, person uuid.UUID) (Membership, error) {
	m, err := database.One[Membership](ctx, x, fault.New(fault.NotFound, "This organization has no member with this identifier"), selectMember, person, x.organization)
	if err != nil {
		return m, err
	}
	return m, nil
}

func (x Actor) mayAssign(ctx context.Context, c RoleChange) error {
	m, err := x.Member(ctx, c.UserID)
	if err != nil {
		return err
	}
	if m.Status == MembershipRequested {
		return fault.New(fault.Conflict, "This person's request to join is still pending: approve it, with the role")
	}
	if err := x.CheckRole(ctx, m.Role); err != nil {
		return err
	}
	if c.Role == policy.Owner {
		if err := x.canOwn(ctx, m); err != nil {
			return err
		}
	}
	return x.CheckRole(ctx, c.Role)
}

const lockSuspended = `SELECT suspended_at IS NOT NULL FROM users WHERE id = $1 FOR SHARE` // concurrent suspensions wait

// canOwn refuses a new owner who is not an active member.
func (x Actor) canOwn(ctx context.Context, m Membership) error {
	var suspended bool
	if err := x.QueryRow(ctx, lockSuspended, m.UserID).Scan(&suspended); err != nil {
		return fmt.Errorf("read account: %w", err)
	}
	if suspended || m.Status != MembershipActive {
		return fault.New(fault.Conflict, "Only an active member whose account is not suspended can become an owner")
	}
	return nil
}

const selectServiceAccount = `SELECT FROM service_accounts WHERE id = $1 AND organization_id = $2`

func (x Actor) mayGrant(ctx context.Context, c RoleChange) error {
	if c.Role == policy.Owner {
		return fault.At("body.role", "owner cannot be granted as an additional role: change the member's role instead")
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
	return x.CheckRole(ctx, c.Role)
}

const (
	nilID       = `'00000000-0000-0000-0000-000000000000'`
	selectGrant = `
SELECT role, coalesce(user_id, ` + nilID + `), coalesce(team_id, ` + nilID + `), coalesce(service_account_id, ` + nilID + `)
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
	return x.CheckRole(ctx, c.Role)
}

func (x Actor) mayTransfer(ctx context.Context, c RoleChange) error {
	if !x.owner() {
		return fault.New(fault.Forbidden, "Only an owner can transfer ownership")
	}
	m, err := x.Member(ctx, c.UserID)
	switch {
	case err != nil:
		return err
	case c.UserID == x.by:
		return fault.At("body.user_id", "choose somebody other than yourself")
	}
	return x.canOwn(ctx, m)
}

// maxCustomRoles limits an organization's custom roles, which are listed on one page.
const maxCustomRoles = 200

const selectRoleUse = `
SELECT (SELECT count(*) FROM roles WHERE organization_id = $1 AND name <> $2),
       EXISTS (SELECT FROM roles WHERE organization_id = $1 AND name = $2),
       EXISTS (SELECT FROM memberships WHERE organization_id = $1 AND role = $2)
    OR EXISTS (SELECT FROM role_grants WHERE organization_id = $1 AND role = $2)
    OR EXISTS (SELECT FROM invitations WHERE organization_id = $1 AND role = $2 AND ended_at IS NULL AND expires_at > now())`

// use describes the use of one role and the number of the others.
type roleUse struct {
	others       int
	exists, held bool
}

func (x Actor) readRoleUse(ctx context.Context, role string) (u roleUse, err error) {
	if err := x.QueryRow(ctx, selectRoleUse, x.organization, role).Scan(&u.others, &u.exists, &u.held); err != nil {
		return u, fmt.Errorf("look up use of role: %w", err)
	}
	return u, nil
}

func (x Actor) mayDefine(ctx context.Context, c RoleChange) error {
	u, err := x.readRoleUse(ctx, c.Role)
	switch {
	case err != nil:
		return err
	case policy.IsBuiltIn(c.Role):
		return fault.At("path.role", "a built-in role has this name: choose a different one")
	case u.others >= maxCustomRoles:
		return fault.New(fault.Conflict, "An organization can have at most %d roles of its own", maxCustomRoles)
	case slices.ContainsFunc(c.Permissions, func(p policy.Permission) bool { return !slices.Contains(policy.Grantable(), p) }):
		return fault.At("body.permissions", "a role can only contain permissions that GET /v1/organizations/{id}/roles lists as grantable")
	case !policy.Covers(x.subject, c.Permissions):
		return fault.New(fault.Forbidden, "You cannot give a role permissions that you do not have yourself")
	case u.exists:
		return x.CheckRole(ctx, c.Role)
	}
	return nil
}

func (x Actor) mayDelete(ctx context.Context, c RoleChange) error {
	u, err := x.readRoleUse(ctx, c.Role)
	switch {
	case err != nil:
		return err
	case policy.IsBuiltIn(c.Role):
		return fault.New(fault.Conflict, "Built-in roles cannot be deleted")
	case !u.exists:
		return fault.New(fault.NotFound, "There is no such role in this organization")
	case u.held:
		return fault.New(fault.Conflict, "The role is still assigned to somebody or part of an invitation: take it away there first")
	}
	return x.CheckRole(ctx, c.Role)
}
