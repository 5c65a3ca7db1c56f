package access

import (
	"context"
	"fmt"
	"time"

	"function/shared/fault"
	"function/shared/policy"
)

// roleKind defines one kind of role change: who may make it, and what it does. Kinds that are
// not in the table are refused.
type roleKind struct {
	needs policy.Permission
	// may refuses a change that the actor may not make, completes it, and reports whether it is
	// sensitive: then it requires step-up authentication and, if the organization requires it, a
	// second person's approval.
	may   func(Actor, context.Context, *RoleChange) (sensitive bool, err error)
	apply func(Actor, context.Context, RoleChange) error
}

var roleKinds map[string]roleKind

func init() { // in init, because the functions in the table refer to it
	roleKinds = map[string]roleKind{
		AssignRole: {policy.RolesWrite, alwaysSensitive(Actor.mayAssign), func(x Actor, ctx context.Context, c RoleChange) error {
			return x.assign(ctx, c, c.Role)
		}},
		GrantRole: {policy.RolesWrite, alwaysSensitive(Actor.mayGrant), func(x Actor, ctx context.Context, c RoleChange) error {
			return x.exec(ctx, insertGrant, c.GrantID, x.organization, c.Role, c.UserID, c.TeamID, c.ServiceAccountID, x.by)
		}},
		RevokeRole: {policy.RolesWrite, func(x Actor, ctx context.Context, c *RoleChange) (bool, error) {
			return true, x.mayRevoke(ctx, c)
		}, func(x Actor, ctx context.Context, c RoleChange) error {
			return x.exec(ctx, deleteGrant, c.GrantID)
		}},
		DefineRole: {policy.RolesWrite, alwaysSensitive(Actor.mayDefine), func(x Actor, ctx context.Context, c RoleChange) error {
			return x.exec(ctx, upsertRole, x.organization, c.Role, c.Description, c.Permissions)
		}},
		DeleteRole: {policy.RolesWrite, alwaysSensitive(Actor.mayDelete), func(x Actor, ctx context.Context, c RoleChange) error {
			return x.exec(ctx, deleteRole, x.organization, c.Role)
		}},
		TransferOwnership: {policy.OrganizationsDelete, alwaysSensitive(Actor.mayTransfer), func(x Actor, ctx context.Context, c RoleChange) error {
			if err := x.assign(ctx, c, policy.Owner); err != nil {
				return err
			}
			return x.assign(ctx, RoleChange{UserID: x.by}, policy.Admin)
		}},
		JoinTeam: {policy.TeamsWrite, sensitiveWithRoles(Actor.mayJoin), func(x Actor, ctx context.Context, c RoleChange) error {
			return x.exec(ctx, insertIntoTeam, c.TeamID, c.UserID, x.organization)
		}},
		LeaveTeam: {policy.TeamsWrite, sensitiveWithRoles(Actor.mayLeaveTeam), func(x Actor, ctx context.Context, c RoleChange) error {
			return x.exec(ctx, leaveTeam, c.TeamID, c.UserID)
		}},
		MoveTeam: {policy.TeamsWrite, sensitiveWithRoles(Actor.mayMove), func(x Actor, ctx context.Context, c RoleChange) error {
			return x.exec(ctx, setParent, c.TeamID, c.ParentID)
		}},
		DeleteTeam: {policy.TeamsWrite, sensitiveWithRoles(Actor.mayDeleteTeam), func(x Actor, ctx context.Context, c RoleChange) error {
			return x.exec(ctx, deleteTeam, c.TeamID)
		}},
		EndSecondPerson: {policy.OrganizationsWrite, alwaysSensitive(func(Actor, context.Context, RoleChange) error { return nil }),
			func(x Actor, ctx context.Context, _ RoleChange) error {
				return x.exec(ctx, endSecondPerson, x.organization)
			}},
	}
}

// alwaysSensitive returns the rule of a kind whose changes are all sensitive.
func alwaysSensitive(may func(Actor, context.Context, RoleChange) error) func(Actor, context.Context, *RoleChange) (bool, error) {
	return func(x Actor, ctx context.Context, c *RoleChange) (bool, error) { return true, may(x, ctx, *c) }
}

// sensitiveWithRoles returns the rule of a kind whose changes are sensitive if the team has roles.
func sensitiveWithRoles(may func(Actor, context.Context, RoleChange) (bool, error)) func(Actor, context.Context, *RoleChange) (bool, error) {
	return func(x Actor, ctx context.Context, c *RoleChange) (bool, error) { return may(x, ctx, *c) }
}

func (x Actor) exec(ctx context.Context, sql string, arguments ...any) error {
	_, err := x.Exec(ctx, sql, arguments...)
	return err
}

// may refuses a change that the actor may not make: nobody can grant, take away or define rights
// beyond their own. It completes the change and reports whether it is sensitive.
func (x Actor) may(ctx context.Context, c *RoleChange) (sensitive bool, err error) {
	kind, ok := roleKinds[c.Kind]
	if !ok {
		return true, fmt.Errorf("there is no change of roles of the kind %q", c.Kind)
	}
	if d := policy.Decide(x.subject, policy.Need{Permission: kind.needs}, time.Now()); !d.Allowed {
		return true, fault.New(fault.Forbidden, "%s", d.Reason)
	}
	return kind.may(x, ctx, c)
}

// apply applies a permitted change. Roles change in no other way.
func (x Actor) apply(ctx context.Context, c RoleChange) error {
	kind, ok := roleKinds[c.Kind]
	if !ok {
		return fmt.Errorf("there is no change of roles of the kind %q", c.Kind)
	}
	work := func() error {
		if err := kind.apply(x, ctx, c); err != nil {
			return fmt.Errorf("apply change of roles %s: %w", c.Kind, err)
		}
		return nil
	}
	if c.Kind == EndSecondPerson {
		return work()
	}
	return KeepApprovers(ctx, x, x.organization, work)
}
