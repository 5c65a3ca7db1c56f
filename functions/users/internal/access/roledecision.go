package access

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/store"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/mail"
	"function/shared/outbox"
)

// RoleChangeColumns are the columns of a [PendingRoleChange].
const RoleChangeColumns = `id, change, requested_by, requested_at, expires_at, alone_from, decided_by, decided_at,
CASE WHEN decision IS NOT NULL THEN decision WHEN expires_at <= now() THEN 'expired' ELSE 'pending' END AS status`

const (
	selectRoleChange = `SELECT ` + RoleChangeColumns + ` FROM role_changes WHERE organization_id = $1 AND id = $2 FOR UPDATE`
	decideRoleChange = `UPDATE role_changes SET decided_by = $2, decided_at = $3, decision = $4 WHERE id = $1`
)

// Decisions on a pending change.
const (
	Approved  = "approved"  // by a second person; applied if the requester still may make it
	Rejected  = "rejected"  // by a second person
	Withdrawn = "withdrawn" // by the requester
)

var decisions = map[string]string{Approved: "role_changes:approve", Rejected: "role_changes:reject", Withdrawn: "role_changes:withdraw"}

// Decide records the caller's decision on a pending change.
func (r RoleChanges) Decide(ctx context.Context, organization, id uuid.UUID, decision string) (*PendingRoleChange, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	var p PendingRoleChange
	entry := audit.Entry{Action: decisions[decision], ResourceID: id.String()}
	err = act.Do(ctx, r.Store.DB, entry, func(tx *outbox.Tx, entry *audit.Entry) error {
		if err := store.LockOrganization(ctx, tx, organization); err != nil {
			return err
		}
		unknown := fault.New(fault.NotFound, "There is no role change with this identifier")
		if p, err = database.One[PendingRoleChange](ctx, tx, unknown, selectRoleChange, organization, id); err != nil {
			return err
		}
		entry.Detail = p.Change.detail()
		now := time.Now().UTC().Truncate(time.Microsecond)
		if err := mayDecide(ctx, tx, organization, caller.UserID, p, decision, now); err != nil {
			return err
		}
		p.Status, p.DecidedBy, p.DecidedAt = decision, &caller.UserID, &now
		if _, err := tx.Exec(ctx, decideRoleChange, id, caller.UserID, now, decision); err != nil {
			return fmt.Errorf("decide role change: %w", err)
		}
		if decision == Approved {
			return r.applyApproved(ctx, tx, organization, p, entry)
		}
		return nil
	})
	return &p, err
}

// applyApproved applies an approved change if its requester still may make it. If an owner approved
// it alone, all members are notified.
func (r RoleChanges) applyApproved(ctx context.Context, tx *outbox.Tx, organization uuid.UUID, p PendingRoleChange, entry *audit.Entry) error {
	x, err := NewActor(ctx, tx, organization, p.RequestedBy)
	if err != nil {
		return err
	}
	alone := *p.DecidedBy == p.RequestedBy
	if alone && !x.owner() {
		return fault.New(fault.Forbidden, "Only an owner can turn off second-person approval alone")
	}
	if _, err := x.may(ctx, &p.Change); err != nil {
		return noLongerValid(err)
	}
	if err := x.apply(ctx, p.Change); err != nil || !alone {
		return err
	}
	entry.Detail["alone"] = true
	return r.mailMembers(ctx, tx, organization, p.RequestedBy, true, func(to string) mail.Message { return r.mailer.SecondPersonEnded(to, organization) })
}

// noLongerValid explains why a change that was valid when requested no longer is.
func noLongerValid(err error) error {
	if f, ok := fault.As(err); ok {
		return fault.New(fault.Conflict, "The change can no longer be made: %s", f.Detail)
	}
	return err
}

const selectAffected = `
WITH RECURSIVE under (id) AS (
    SELECT id FROM teams WHERE id = @team AND organization_id = @organization
    UNION
    SELECT t.id FROM teams t JOIN under u ON t.parent_id = u.id
)
SELECT EXISTS (SELECT FROM team_members WHERE user_id = @person AND team_id IN (SELECT id FROM under))
    OR @role = ANY (roles_of(@person, @organization))`

// mayDecide refuses people who may not decide on the change.
func mayDecide(ctx context.Context, tx pgx.Tx, organization, person uuid.UUID, p PendingRoleChange, decision string, now time.Time) error {
	own := p.RequestedBy == person
	switch {
	case p.Status != "pending":
		return fault.New(fault.Conflict, "The role change is already %s", p.Status)
	case decision == Withdrawn && !own:
		return fault.New(fault.Forbidden, "Only the person who requested the change can withdraw it: use POST …/reject to reject it")
	case decision == Withdrawn:
		return nil
	case own && decision == Rejected:
		return fault.New(fault.Forbidden, "You requested this change yourself: use DELETE to withdraw it")
	case own && p.AloneFrom != nil && now.Before(*p.AloneFrom):
		return fault.New(fault.Forbidden, "A second person must decide. You can approve it alone from %s on, if nobody rejects it", p.AloneFrom.Format(time.RFC3339))
	case own && p.AloneFrom != nil:
		return nil
	}
	return requireSecondPerson(ctx, tx, organization, person, p)
}

// requireSecondPerson refuses the requester of a change and people whose own rights it changes.
func requireSecondPerson(ctx context.Context, tx pgx.Tx, organization, person uuid.UUID, p PendingRoleChange) error {
	concerned := p.RequestedBy == person || p.Change.UserID == person
	if !concerned {
		defined := ""
		if slices.Contains([]string{DefineRole, DeleteRole}, p.Change.Kind) {
			defined = p.Change.Role
		}
		err := tx.QueryRow(ctx, selectAffected, pgx.NamedArgs{"team": p.Change.TeamID, "organization": organization, "person": person, "role": defined}).Scan(&concerned)
		if err != nil {
			return fmt.Errorf("look whom the change concerns: %w", err)
		}
	}
	if concerned {
		return fault.New(fault.Forbidden, "A second person must decide: neither the person who requested the change nor anyone whose own rights it changes")
	}
	return nil
}
