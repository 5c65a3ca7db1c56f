package users

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/policy"
)

// onMember does something to a member of the caller's organization, whose role must
// not be mightier than the caller.
func (s Store) onMember(ctx context.Context, action string, organization, person uuid.UUID, from []string, work func(changing, Membership) error) error {
	caller, err := InOwn(ctx, organization)
	if err != nil {
		return err
	}
	return s.Act(ctx, audit.Entry{Action: action, ResourceID: person.String()}, func(tx *outbox.Tx, entry *audit.Entry) error {
		x, err := beginFor(ctx, tx, organization, caller)
		if err != nil {
			return err
		}
		m, err := x.member(ctx, person)
		if err != nil {
			return err
		}
		if !slices.Contains(from, m.Status) {
			return errNobodyHere
		}
		if m.Status != MembershipRequested {
			if err := x.role(ctx, m.Role); err != nil {
				return err
			}
		}
		entry.Detail = map[string]any{"role": m.Role}
		return keepDeciders(ctx, tx, organization, func() error { return work(x, m) })
	})
}

var errNobodyHere = fault.New(fault.NotFound, "Nobody with this identifier and standing is in this organization")

const setStatus = `UPDATE memberships SET status = $3 WHERE user_id = $1 AND organization_id = $2`

// SetStanding suspends a member, which ends their sessions in the organization, or ends
// the suspension: in the transaction that has found them in another standing, under the
// organization's lock.
func SetStanding(ctx context.Context, tx *outbox.Tx, m Membership) error {
	if _, err := tx.Exec(ctx, setStatus, m.UserID, m.OrganizationID, m.Status); err != nil {
		return fmt.Errorf("set status of membership: %w", err)
	}
	if m.Status == MembershipSuspended {
		if err := endSessionsIn(ctx, tx, m.UserID, m.OrganizationID, "suspended"); err != nil {
			return err
		}
	}
	return PublishMembership(ctx, tx, m)
}

// ChangeStanding suspends a member of the caller's organization, or ends the suspension.
func (s Store) ChangeStanding(ctx context.Context, organization, person uuid.UUID, status string) (Membership, error) {
	action, from := "members:suspend", MembershipActive
	if status == MembershipActive {
		action, from = "members:restore", MembershipSuspended
	}
	var m Membership
	err := s.onMember(ctx, action, organization, person, []string{from}, func(x changing, before Membership) error {
		m = before
		m.Status = status
		return SetStanding(ctx, x.Tx, m)
	})
	return m, err
}

// RemoveMember ends the membership of a person in the caller's organization, or turns
// away one who asked for it; from lists the standings that it may have.
func (s Store) RemoveMember(ctx context.Context, organization, person uuid.UUID, from ...string) error {
	action := "members:remove"
	if slices.Contains(from, MembershipRequested) {
		action = "members:reject"
	}
	return s.onMember(ctx, action, organization, person, from, func(x changing, _ Membership) error {
		return EndMembership(ctx, x.Tx, person, organization)
	})
}

const (
	// Whoever is in no organization locks none.
	lockLeft = `
SELECT deleted_at IS NULL FROM organizations
WHERE id = $2 AND EXISTS (SELECT FROM memberships WHERE user_id = $1 AND organization_id = $2) FOR NO KEY UPDATE`
	selectStanding = `SELECT FROM memberships WHERE user_id = $1 AND organization_id = $2 FOR UPDATE` // now that it is locked
)

// Leave ends a person's own membership, also of an organization that has not let them
// in, has suspended them, or is being deleted.
func (s Store) Leave(ctx context.Context, organization, person uuid.UUID) error {
	var alive bool
	entry := audit.Entry{Action: "members:leave", ResourceID: person.String()}
	return s.Act(ctx, entry, func(tx *outbox.Tx, entry *audit.Entry) error {
		err := tx.QueryRow(ctx, lockLeft, person, organization).Scan(&alive)
		if err == nil {
			err = tx.QueryRow(ctx, selectStanding, person, organization).Scan()
		}
		if database.IsNoRows(err) {
			return fault.New(fault.NotFound, "You are in no organization with this identifier")
		}
		if err != nil {
			return fmt.Errorf("lock organization and membership: %w", err)
		}
		entry.OrganizationID = organization // not before: the trail of others is not written to
		if !alive {
			return EndMembership(ctx, tx, person, organization)
		}
		return keepDeciders(ctx, tx, organization, func() error { return EndMembership(ctx, tx, person, organization) })
	})
}

const approveMembership = `
UPDATE memberships SET status = 'active', role = $3 WHERE user_id = $1 AND organization_id = $2 AND status = 'requested'
RETURNING user_id, organization_id, role, status`

// LetIn makes a person a member who has asked for it, under the organization's lock.
func LetIn(ctx context.Context, tx *outbox.Tx, organization, person uuid.UUID, role string) (Membership, error) {
	rows, _ := tx.Query(ctx, approveMembership, person, organization, role)
	m, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Membership])
	if err != nil {
		return m, fmt.Errorf("approve membership: %w", err)
	}
	return m, publishApproved(ctx, tx, m)
}

// publishApproved tells that a person was let in, who had asked or was asked.
func publishApproved(ctx context.Context, tx *outbox.Tx, m Membership) error {
	return tx.Publish(ctx, events.MembershipApproved{UserID: m.UserID, OrganizationID: m.OrganizationID, Role: m.Role, ApprovedAt: time.Now().UTC()})
}

// Approve lets in a person who asked to join the caller's organization, as a member
// unless a role is named.
func (s Store) Approve(ctx context.Context, organization, person uuid.UUID, role string) (Membership, error) {
	if role == "" {
		role = policy.Member
	}
	var m Membership
	err := s.onMember(ctx, "members:approve", organization, person, []string{MembershipRequested}, func(x changing, _ Membership) (err error) {
		if err := x.mayBringInNow(ctx, role); err != nil {
			return err
		}
		m, err = LetIn(ctx, x.Tx, organization, person, role)
		return err
	})
	return m, err
}

// ManagesMembers tells whether the caller may change members, and so sees who asks to be one.
func ManagesMembers(caller auth.Caller) bool {
	return policy.Covers(caller.Subject, []policy.Permission{policy.MembersWrite})
}

// ordinary are the roles that whoever manages members gives to newcomers; any other
// is given as roles are changed.
var ordinary = []string{policy.Member, policy.Analyst, policy.Viewer}

// mayBringIn refuses to bring in somebody with a role that the one who does it could
// not give, or, where a second person approves roles, with more than an ordinary one.
func (x changing) mayBringIn(ctx context.Context, role string) error {
	may := func(p policy.Permission) policy.Decision {
		return policy.Decide(x.subject, policy.Need{Permission: p}, time.Now())
	}
	if role == policy.Member && may(policy.ProvisioningWrite).Allowed {
		return nil // who provisions people makes members, whatever else they may do
	}
	if d := may(policy.MembersWrite); !d.Allowed {
		return fault.New(fault.Forbidden, "%s", d.Reason)
	}
	if err := x.role(ctx, role); err != nil || slices.Contains(ordinary, role) {
		return err
	}
	if d := may(policy.RolesWrite); !d.Allowed {
		return fault.New(fault.Forbidden, "To bring somebody in as more than a member, analyst or viewer is to give a role: %s", d.Reason)
	}
	settings, err := SettingsOf(ctx, x, x.organization)
	if err != nil {
		return err
	}
	if settings.RequireSecondPerson {
		return fault.New(fault.Conflict, "A second person approves roles here: bring the person in as a member, analyst or viewer, then change the role")
	}
	return nil
}

// mayBringInNow is mayBringIn for a caller, who for more than an ordinary role also has
// to have proved lately who they are.
func (x changing) mayBringInNow(ctx context.Context, role string) error {
	if err := x.mayBringIn(ctx, role); err != nil || slices.Contains(ordinary, role) {
		return err
	}
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return err
	}
	return Fresh(caller)
}
