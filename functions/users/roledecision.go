package users

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/audit"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
)

// RoleChangeColumns are what a [PendingRoleChange] is read from.
const RoleChangeColumns = `id, change, requested_by, requested_at, expires_at, decided_by, decided_at,
CASE WHEN decision IS NOT NULL THEN decision WHEN expires_at <= now() THEN 'expired' ELSE 'pending' END AS status`

const (
	selectRoleChange = `SELECT ` + RoleChangeColumns + ` FROM role_changes WHERE organization_id = $1 AND id = $2 FOR UPDATE`
	decideRoleChange = `UPDATE role_changes SET decided_by = $2, decided_at = $3, decision = $4 WHERE id = $1`
)

// Decide has a second person approve a change, which then takes effect if the one who
// wanted it still may, or reject it.
func (s Store) Decide(ctx context.Context, organization, id uuid.UUID, decision string) (*PendingRoleChange, error) {
	caller, err := InOwn(ctx, organization)
	if err != nil {
		return nil, err
	}
	var p PendingRoleChange
	entry := audit.Entry{Action: map[string]string{"approved": "role_changes:approve", "rejected": "role_changes:reject"}[decision], ResourceID: id.String()}
	err = s.Act(ctx, entry, func(tx *outbox.Tx, entry *audit.Entry) error {
		if err := LockOrganization(ctx, tx, organization); err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, selectRoleChange, organization, id)
		if p, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[PendingRoleChange]); database.IsNoRows(err) {
			return fault.New(fault.NotFound, "There is no such change of roles")
		} else if err != nil {
			return fmt.Errorf("read role change: %w", err)
		}
		entry.Detail = p.Change.detail()
		if err := secondPerson(ctx, tx, organization, caller.UserID, p); err != nil {
			return err
		}
		now := time.Now().UTC().Truncate(time.Microsecond)
		p.Status, p.DecidedBy, p.DecidedAt = decision, &caller.UserID, &now
		if _, err := tx.Exec(ctx, decideRoleChange, id, caller.UserID, now, decision); err != nil {
			return fmt.Errorf("decide role change: %w", err)
		}
		if decision != "approved" {
			return nil
		}
		x, err := begin(ctx, tx, organization, p.RequestedBy)
		if err != nil {
			return err
		}
		if _, err := x.may(ctx, &p.Change); err != nil {
			return stale(err)
		}
		return x.apply(ctx, p.Change)
	})
	return &p, err
}

// stale is why a change that was in order when it was wanted is so no more.
func stale(err error) error {
	if f, ok := fault.As(err); ok {
		return fault.New(fault.Conflict, "The change cannot be made any more: %s", f.Detail)
	}
	return err
}

const selectConcerned = `
WITH RECURSIVE under (id) AS (
    SELECT id FROM teams WHERE id = @team AND organization_id = @organization
    UNION
    SELECT t.id FROM teams t JOIN under u ON t.parent_id = u.id
)
SELECT EXISTS (SELECT FROM team_members WHERE user_id = @person AND team_id IN (SELECT id FROM under))
    OR @role = ANY (roles_of(@person, @organization))`

// secondPerson refuses those whose approval would be no second person's: who wanted
// the change, and whose own rights it changes.
func secondPerson(ctx context.Context, tx pgx.Tx, organization, person uuid.UUID, p PendingRoleChange) error {
	if p.Status != "pending" {
		return fault.New(fault.Conflict, "The change of roles is %s", p.Status)
	}
	concerned := p.RequestedBy == person || p.Change.UserID == person
	if !concerned {
		defined := ""
		if slices.Contains([]string{DefineRole, DeleteRole}, p.Change.Kind) {
			defined = p.Change.Role
		}
		err := tx.QueryRow(ctx, selectConcerned, pgx.NamedArgs{"team": p.Change.TeamID, "organization": organization, "person": person, "role": defined}).Scan(&concerned)
		if err != nil {
			return fmt.Errorf("look whom the change concerns: %w", err)
		}
	}
	if concerned {
		return fault.New(fault.Forbidden, "A second person decides: neither who wanted the change, nor whose own rights it changes")
	}
	return nil
}
