package access

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"function/functions/users/internal/store"
	"function/shared/auth"
	"function/shared/fault"
	"function/shared/policy"
)

// basicRoles are the roles that anyone who manages members may give to newcomers. All other
// roles require the right to change roles.
var basicRoles = []string{policy.Member, policy.Analyst, policy.Viewer}

// MayAddMember refuses to add a member with a role that the actor could not assign or, if role
// changes need a second person's approval, with any role that is not ordinary.
func (x Actor) MayAddMember(ctx context.Context, role string) error {
	may := func(p policy.Permission) policy.Decision {
		return policy.Decide(x.subject, policy.Need{Permission: p}, time.Now())
	}
	if role == policy.Member && may(policy.ProvisioningWrite).Allowed {
		return nil // provisioning may add members without any other right
	}
	if d := may(policy.MembersWrite); !d.Allowed {
		return fault.New(fault.Forbidden, "%s", d.Reason)
	}
	if err := x.CheckRole(ctx, role); err != nil || slices.Contains(basicRoles, role) {
		return err
	}
	if d := may(policy.RolesWrite); !d.Allowed {
		return fault.New(fault.Forbidden, "Adding somebody as anything other than member, analyst or viewer requires the right to assign roles: %s", d.Reason)
	}
	settings, err := store.SettingsOf(ctx, x, x.organization)
	if err != nil {
		return err
	}
	if settings.RequireSecondPerson {
		return fault.New(fault.Conflict, "Role changes need a second person's approval here: add the person as a member, analyst or viewer, then change the role")
	}
	return nil
}

// CallerMayAddMember is [Actor.MayAddMember] for the caller, who also needs step-up authentication
// to add a member with a role that is not ordinary.
func (x Actor) CallerMayAddMember(ctx context.Context, role string) error {
	if err := x.MayAddMember(ctx, role); err != nil || slices.Contains(basicRoles, role) {
		return err
	}
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return err
	}
	return store.RequireFreshProof(caller)
}

// MayProvisionTeam refuses to let a provisioning system add people to a team whose roles it could
// not assign. If role changes need a second person, it always refuses, since a program's change
// could not be approved.
func (x Actor) MayProvisionTeam(ctx context.Context, team uuid.UUID) error {
	_, roles, err := x.Path(ctx, team)
	if err != nil {
		return err
	}
	sensitive, err := x.CheckTeamRoles(ctx, addsRoles, roles)
	if err != nil || !sensitive {
		return err
	}
	settings, err := store.SettingsOf(ctx, x, x.organization)
	if err == nil && settings.RequireSecondPerson {
		err = ErrSecondPerson
	}
	return err
}

var ErrSecondPerson = fault.New(fault.Conflict, "The team has roles, and role changes need a second person's approval here: add the member with PUT /v1/organizations/{id}/teams/{team_id}/members/{user_id}")
