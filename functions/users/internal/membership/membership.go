// Package membership adds people to organizations and removes them: members, invitations,
// domains and the organizations themselves.
package membership

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/access"
	"function/functions/users/internal/session"
	"function/functions/users/internal/store"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/policy"
)

// onMember runs a change of a member of the caller's organization. It refuses members whose
// role exceeds the caller's rights.
func onMember(ctx context.Context, s store.Store, action string, organization, person uuid.UUID, from []string, work func(access.Actor, access.Membership) error) error {
	caller, err := auth.Member(ctx)
	if err != nil {
		return err
	}
	return act.Do(ctx, s.DB, audit.Entry{Action: action, ResourceID: person.String()}, func(tx *outbox.Tx, entry *audit.Entry) error {
		x, err := access.ActorFor(ctx, tx, organization, caller)
		if err != nil {
			return err
		}
		m, err := x.Member(ctx, person)
		if err != nil {
			return err
		}
		if !slices.Contains(from, m.Status) {
			return errNoMember
		}
		if m.Status != access.MembershipRequested {
			if err := x.CheckRole(ctx, m.Role); err != nil {
				return err
			}
		}
		entry.Detail = map[string]any{"role": m.Role}
		return access.KeepApprovers(ctx, tx, organization, func() error { return work(x, m) })
	})
}

var errNoMember = fault.New(fault.NotFound, "This organization has no member with this identifier in the required status")

const setStatus = `UPDATE memberships SET status = $3 WHERE user_id = $1 AND organization_id = $2`

// SetStatus sets a member's status to suspended or active. A suspension ends the member's
// sessions in the organization. It must run under the organization's lock, in the transaction
// that read the previous status.
func SetStatus(ctx context.Context, tx *outbox.Tx, m access.Membership) error {
	if _, err := tx.Exec(ctx, setStatus, m.UserID, m.OrganizationID, m.Status); err != nil {
		return fmt.Errorf("set status of membership: %w", err)
	}
	if m.Status == access.MembershipSuspended {
		if err := session.EndSessionsIn(ctx, tx, m.UserID, m.OrganizationID, "suspended"); err != nil {
			return err
		}
	}
	return access.PublishMembership(ctx, tx, m)
}

// ChangeStatus suspends a member of the caller's organization or ends their suspension.
func ChangeStatus(ctx context.Context, s store.Store, organization, person uuid.UUID, status string) (access.Membership, error) {
	action, from := "members:suspend", access.MembershipActive
	if status == access.MembershipActive {
		action, from = "members:restore", access.MembershipSuspended
	}
	var m access.Membership
	err := onMember(ctx, s, action, organization, person, []string{from}, func(x access.Actor, before access.Membership) error {
		m = before
		m.Status = status
		return SetStatus(ctx, x.Tx, m)
	})
	return m, err
}

// Remove ends a person's membership in the caller's organization, or rejects a request to
// join. from lists the statuses that the membership may have.
func Remove(ctx context.Context, s store.Store, organization, person uuid.UUID, from ...string) error {
	action := "members:remove"
	if slices.Contains(from, access.MembershipRequested) {
		action = "members:reject"
	}
	return onMember(ctx, s, action, organization, person, from, func(x access.Actor, _ access.Membership) error {
		return EndMembership(ctx, x.Tx, person, organization)
	})
}

const (
	// A person without a membership in the organization locks no row.
	lockLeft = `
SELECT deleted_at IS NULL FROM organizations
WHERE id = $2 AND EXISTS (SELECT FROM memberships WHERE user_id = $1 AND organization_id = $2) FOR NO KEY UPDATE`
	lockMembership = `SELECT FROM memberships WHERE user_id = $1 AND organization_id = $2 FOR UPDATE` // after the organization is locked
)

// Leave ends the caller's own membership, even if it is pending or suspended or the
// organization is being deleted.
func Leave(ctx context.Context, s store.Store, organization, person uuid.UUID) error {
	var alive bool
	entry := audit.Entry{Action: "members:leave", ResourceID: person.String()}
	return act.Do(ctx, s.DB, entry, func(tx *outbox.Tx, entry *audit.Entry) error {
		err := tx.QueryRow(ctx, lockLeft, person, organization).Scan(&alive)
		if err == nil {
			err = tx.QueryRow(ctx, lockMembership, person, organization).Scan()
		}
		if database.IsNoRows(err) {
			return fault.New(fault.NotFound, "You do not belong to an organization with this identifier")
		}
		if err != nil {
			return fmt.Errorf("lock organization and membership: %w", err)
		}
		entry.OrganizationID = organization // only now, since others must not write to an organization's trail
		if !alive {
			return EndMembership(ctx, tx, person, organization)
		}
		return access.KeepApprovers(ctx, tx, organization, func() error { return EndMembership(ctx, tx, person, organization) })
	})
}

const approveMembership = `
UPDATE memberships SET status = 'active', role = $3 WHERE user_id = $1 AND organization_id = $2 AND status = 'requested'
RETURNING user_id, organization_id, role, status`

// ApproveMember approves a pending membership, under the organization's lock.
func ApproveMember(ctx context.Context, tx *outbox.Tx, organization, person uuid.UUID, role string) (access.Membership, error) {
	m, err := database.One[access.Membership](ctx, tx, pgx.ErrNoRows, approveMembership, person, organization, role)
	if err != nil {
		return m, fmt.Errorf("approve membership: %w", err)
	}
	return m, publishApproved(ctx, tx, m)
}

// publishApproved publishes that a requested or invited membership is now active.
func publishApproved(ctx context.Context, tx *outbox.Tx, m access.Membership) error {
	return tx.Publish(ctx, events.MembershipApproved{UserID: m.UserID, OrganizationID: m.OrganizationID, Role: m.Role, ApprovedAt: time.Now().UTC()})
}

// Approve approves a request to join the caller's organization, with the role member if none
// is given.
func Approve(ctx context.Context, s store.Store, organization, person uuid.UUID, role string) (access.Membership, error) {
	if role == "" {
		role = policy.Member
	}
	var m access.Membership
	err := onMember(ctx, s, "members:approve", organization, person, []string{access.MembershipRequested}, func(x access.Actor, _ access.Membership) (err error) {
		if err := x.CallerMayAddMember(ctx, role); err != nil {
			return err
		}
		m, err = ApproveMember(ctx, x.Tx, organization, person, role)
		return err
	})
	return m, err
}

// ManagesMembers reports whether the caller may change members and therefore sees requests
// to join.
func ManagesMembers(caller auth.Caller) bool {
	return policy.Covers(caller.Subject, []policy.Permission{policy.MembersWrite})
}
