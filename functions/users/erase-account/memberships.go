package eraseaccount

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/fault"
)

const (
	// Organizations before the person, as everywhere; and whoever would join one now
	// waits, so that nobody is deleted with it unseen.
	lockOwned = `
SELECT id FROM organizations WHERE id IN (SELECT organization_id FROM memberships WHERE user_id = $1 AND role = 'owner')
ORDER BY id FOR UPDATE`
	lockPerson        = `SELECT FROM users WHERE id = $1 FOR UPDATE`
	selectMemberships = `
SELECT m.organization_id, m.status,
       m.role = 'owner' AND m.status = 'active' AND o.deleted_at IS NULL AND others.owners = 0 AS last_owner,
       m.role = 'owner' AND o.id = ANY ($2) AND others.members = 0 AS alone
FROM memberships m
JOIN organizations o ON o.id = m.organization_id
CROSS JOIN LATERAL (SELECT count(*) AS members, count(*) FILTER (WHERE role = 'owner' AND status = 'active' AND u.suspended_at IS NULL) AS owners
                    FROM memberships JOIN users u ON u.id = user_id WHERE organization_id = o.id AND user_id <> $1) others
WHERE m.user_id = $1 ORDER BY o.id`
)

// membership is what a person leaves behind in an organization.
type membership struct {
	OrganizationID uuid.UUID
	Status         string
	LastOwner      bool // of an organization that is not being deleted
	Alone          bool // as its owner, and nobody waits to join
}

// membershipsOf locks the person, and the organizations that the person owns.
func (f *Function) membershipsOf(ctx context.Context, tx pgx.Tx, person uuid.UUID) ([]membership, error) {
	rows, _ := tx.Query(ctx, lockOwned, person)
	owned, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("lock organizations: %w", err)
	}
	if _, err := tx.Exec(ctx, lockPerson, person); err != nil {
		return nil, fmt.Errorf("lock account: %w", err)
	}
	rows, _ = tx.Query(ctx, selectMemberships, person, owned)
	memberships, err := pgx.CollectRows(rows, pgx.RowToStructByName[membership])
	if err != nil {
		return nil, fmt.Errorf("read memberships: %w", err)
	}
	return memberships, nil
}

// mayLeave refuses to leave an organization without an owner.
func mayLeave(memberships []membership, deleteToo bool) error {
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
		sentences = append(sentences, "You are the last owner of "+strings.Join(shared, ", ")+
			": give the ownership to another member (POST /v1/organizations/{id}/ownership) or delete the organization (DELETE /v1/organizations/{id}) first.")
	}
	if len(alone) > 0 {
		sentences = append(sentences, "Nobody else is in "+strings.Join(alone, ", ")+
			": ask with delete_organizations=true to delete what only you are in, for good.")
	}
	if len(sentences) == 0 {
		return nil
	}
	return fault.New(fault.Conflict, "%s", strings.Join(sentences, " "))
}
