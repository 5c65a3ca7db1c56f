package membership

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/access"
	"function/shared/audit"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/outbox"
)

const (
	// Organizations are locked before people, as everywhere. Nobody can join one of them
	// meanwhile, so nobody is deleted together with it unnoticed.
	lockOwned = `
SELECT id FROM organizations WHERE id IN (SELECT organization_id FROM memberships WHERE user_id = $1 AND role = 'owner')
ORDER BY id FOR UPDATE`
	lockLeaving = `SELECT FROM users WHERE id = $1 FOR UPDATE`
	selectHeld  = `
SELECT m.organization_id, m.status,
       m.role = 'owner' AND m.status = 'active' AND o.deleted_at IS NULL AND others.owners = 0 AS last_owner,
       m.role = 'owner' AND o.id = ANY ($2) AND others.members = 0 AS alone
FROM memberships m
JOIN organizations o ON o.id = m.organization_id
CROSS JOIN LATERAL (SELECT count(*) AS members, count(*) FILTER (WHERE role = 'owner' AND status = 'active' AND u.suspended_at IS NULL) AS owners
                    FROM memberships JOIN users u ON u.id = user_id WHERE organization_id = o.id AND user_id <> $1) others
WHERE m.user_id = $1 ORDER BY o.id`
)

// heldMembership is a membership that a person has when their account is erased.
type heldMembership struct {
	OrganizationID uuid.UUID
	Status         string
	LastOwner      bool // the only active owner of an organization that is not being deleted
	Alone          bool // the owner, and nobody else is a member or has requested to join
}

// LeaveAll ends all memberships of a person who is being erased. It refuses to leave an
// organization without an owner. If deleteToo is set, it deletes the organizations that nobody
// else is in. owned is the result of [LockOwned]; entry is recorded in the audit trail of each
// organization.
func LeaveAll(ctx context.Context, tx *outbox.Tx, person uuid.UUID, owned []uuid.UUID, deleteToo bool, entry audit.Entry) error {
	memberships, err := readMemberships(ctx, tx, person, owned)
	if err != nil {
		return err
	}
	if err := mayLeave(memberships, deleteToo); err != nil {
		return err
	}
	for _, m := range memberships {
		entry.OrganizationID = m.OrganizationID
		if err := leave(ctx, tx, person, m, deleteToo, entry); err != nil {
			return err
		}
	}
	return nil
}

// LockOwned locks the organizations that a person owns. It must run before any person is locked.
func LockOwned(ctx context.Context, tx pgx.Tx, person uuid.UUID) (owned []uuid.UUID, err error) {
	rows, _ := tx.Query(ctx, lockOwned, person)
	if owned, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID]); err != nil {
		return nil, fmt.Errorf("lock organizations: %w", err)
	}
	return owned, nil
}

// readMemberships locks the person and reads their memberships. The organizations in owned are
// already locked.
func readMemberships(ctx context.Context, tx pgx.Tx, person uuid.UUID, owned []uuid.UUID) ([]heldMembership, error) {
	if _, err := tx.Exec(ctx, lockLeaving, person); err != nil {
		return nil, fmt.Errorf("lock account: %w", err)
	}
	rows, _ := tx.Query(ctx, selectHeld, person, owned)
	memberships, err := pgx.CollectRows(rows, pgx.RowToStructByName[heldMembership])
	if err != nil {
		return nil, fmt.Errorf("read memberships: %w", err)
	}
	return memberships, nil
}

// mayLeave refuses to leave an organization without an owner.
func mayLeave(memberships []heldMembership, deleteToo bool) error {
	var shared, alone []string
	for _, m := range memberships {
		switch {
		case m.Alone && !deleteToo && m.LastOwner:
			alone = append(alone, m.OrganizationID.String())
		case m.LastOwner && !m.Alone:
			shared = append(shared, m.OrganizationID.String())
		}
	}
	var sentences []string
	if len(shared) > 0 {
		sentences = append(sentences, "This would remove the last owner of "+strings.Join(shared, ", ")+
			": the owner must first transfer the ownership to another member (POST /v1/organizations/{id}/ownership) or delete the organization (DELETE /v1/organizations/{id}).")
	}
	if len(alone) > 0 {
		sentences = append(sentences, "Nobody else is in "+strings.Join(alone, ", ")+
			": repeat the request with delete_organizations=true to delete such organizations permanently.")
	}
	if len(sentences) == 0 {
		return nil
	}
	return fault.New(fault.Conflict, "%s", strings.Join(sentences, " "))
}

// leave ends a membership, or deletes the organization. Requests to join are not recorded in the
// organization's audit trail.
func leave(ctx context.Context, tx *outbox.Tx, person uuid.UUID, m heldMembership, deleteToo bool, entry audit.Entry) error {
	if m.Alone && deleteToo {
		return DeleteOrganization(ctx, tx, m.OrganizationID)
	}
	if m.Status != access.MembershipRequested {
		if err := audit.Record(ctx, tx, entry); err != nil {
			return err
		}
	}
	return tx.Publish(ctx, events.MembershipEnded{UserID: person, OrganizationID: m.OrganizationID, EndedAt: time.Now().UTC()})
}
