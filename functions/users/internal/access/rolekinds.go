package access

import (
	"context"
	"fmt"
	"time"

	"function/shared/fault"
	"function/shared/policy"
)

// roleKind is one kind of change: who may make it, and what it does. A kind that is not
// in the table does not exist, and is refused.
type roleKind struct {
	needs policy.Permission
	// may refuses a change, completes it, and tells whether it is sensitive: then it takes
	// a fresh proof, and a second person where the organization wants one.
	may   func(Actor, context.Context, *RoleChange) (sensitive bool, err error)
	apply func(Actor, context.Context, RoleChange) error
}

var roleKinds map[string]roleKind

func init() { // not in the declaration: what applies a change looks kinds up
	roleKinds = map[string]roleKind{
		AssignRole: {policy.RolesWrite, sensitive(Actor.mayAssign), func(x Actor, ctx context.Context, c RoleChange) error {
			return x.assign(ctx, c, c.Role)
		}},
		GrantRole: {policy.RolesWrite, sensitive(Actor.mayGrant), func(x Actor, ctx context.Context, c RoleChange) error {
			return x.exec(ctx, insertGrant, c.GrantID, x.organization, c.Role, c.UserID, c.TeamID, c.ServiceAccountID, x.by)
		}},
		RevokeRole: {policy.RolesWrite, func(x Actor, ctx context.Context, c *RoleChange) (bool, error) {
			return true, x.mayRevoke(ctx, c)
		}, func(x Actor, ctx context.Context, c RoleChange) error {
			return x.exec(ctx, deleteGrant, c.GrantID)
		}},
		DefineRole: {policy.RolesWrite, sensitive(Actor.mayDefine), func(x Actor, ctx context.Context, c RoleChange) error {
			return x.exec(ctx, upsertRole, x.organization, c.Role, c.Description, c.Permissions)
		}},
		DeleteRole: {policy.RolesWrite, sensitive(Actor.mayDelete), func(x Actor, ctx context.Context, c RoleChange) error {
			return x.exec(ctx, deleteRole, x.organization, c.Role)
		}},
		TransferOwnership: {policy.OrganizationsDelete, sensitive(Actor.mayTransfer), func(x Actor, ctx context.Context, c RoleChange) error {
			if err := x.assign(ctx, c, policy.Owner); err != nil {
				return err
			}
			return x.assign(ctx, RoleChange{UserID: x.by}, policy.Admin)
		}},
		JoinTeam: {policy.TeamsWrite, ofTeam(Actor.mayJoin), func(x Actor, ctx context.Context, c RoleChange) error {
			return x.exec(ctx, insertIntoTeam, c.TeamID, c.UserID, x.organization)
		}},
		LeaveTeam: {policy.TeamsWrite, ofTeam(Actor.mayLeaveTeam), func(x Actor, ctx context.Context, c RoleChange) error {
			return x.exec(ctx, leaveTeam, c.TeamID, c.UserID)
		}},
		MoveTeam: {policy.TeamsWrite, ofTeam(Actor.mayMove), func(x Actor, ctx context.Context, c RoleChange) error {
			return x.exec(ctx, setParent, c.TeamID, c.ParentID)
		}},
		DeleteTeam: {policy.TeamsWrite, ofTeam(Actor.mayDeleteTeam), func(x Actor, ctx context.Context, c RoleChange) error {
			return x.exec(ctx, deleteTeam, c.TeamID)
		}},
		EndSecondPerson: {policy.OrganizationsWrite, sensitive(func(Actor, context.Context, RoleChange) error { return nil }),
			func(x Actor, ctx context.Context, _ RoleChange) error {
				return x.exec(ctx, endSecondPerson, x.organization)
			}},
	}
}

// sensitive is the rule of a kind whose every change is sensitive.
func sensitive(may func(Actor, context.Context, RoleChange) error) func(Actor, context.Context, *RoleChange) (bool, error) {
	return func(x Actor, ctx context.Context, c *RoleChange) (bool, error) { return true, may(x, ctx, *c) }
}

// ofTeam is the rule of a kind that is sensitive where the team has roles.
func ofTeam(may func(Actor, context.Context, RoleChange) (bool, error)) func(Actor, context.Context, *RoleChange) (bool, error) {
	return func(x Actor, ctx context.Context, c *RoleChange) (bool, error) { return may(x, ctx, *c) }
}

func (x Actor) exec(ctx context.Context, sql string, arguments ...any) error {
	_, err := x.Exec(ctx, sql, arguments...)
	return err
}

// may refuses what the one who wants the change may not do: nobody gives, takes or
// defines rights beyond their own. It completes the change, and tells whether it takes a
// fresh proof and a second person.
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

// apply makes a change that may be made: the only way in which roles change.
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
	return KeepDeciders(ctx, x, x.organization, work)
}
