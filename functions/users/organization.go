package users

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/events"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/uuid7"
)

// DeletionGrace is how long a deleted organization can be restored.
const DeletionGrace = 30 * 24 * time.Hour

// Organization is a tenant: what its members do, they do in it.
type Organization struct {
	ID        uuid.UUID  `json:"id" format:"uuid"`
	Name      string     `json:"name"`
	CreatedAt time.Time  `json:"created_at"`
	DeletedAt *time.Time `json:"deleted_at,omitempty" doc:"When its deletion was asked for; an owner can restore it for 30 days"`
}

const lockOrganization = `SELECT FROM organizations WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE`

// LockOrganization makes the changes of one organization's roles, teams and members
// wait for each other, so that each sees what the one before has left. An
// organization that is being deleted is not changed any more.
func LockOrganization(ctx context.Context, tx pgx.Tx, organization uuid.UUID) error {
	err := tx.QueryRow(ctx, lockOrganization, organization).Scan()
	if database.IsNoRows(err) {
		return errNoOrganization
	}
	if err != nil {
		return fmt.Errorf("lock organization: %w", err)
	}
	return nil
}

const (
	foundOrganization = `INSERT INTO organizations (id, name) VALUES ($1, $2) RETURNING id, name, created_at, deleted_at`
	insertOwner       = `INSERT INTO memberships (user_id, organization_id, role, status) VALUES ($1, $2, 'owner', 'active')`
)

// NewOrganization founds an organization with its first owner.
func NewOrganization(ctx context.Context, tx *outbox.Tx, owner uuid.UUID, name string) (Organization, error) {
	rows, _ := tx.Query(ctx, foundOrganization, uuid7.New(), name)
	o, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Organization])
	if err != nil {
		return o, fmt.Errorf("insert organization: %w", err)
	}
	if _, err := tx.Exec(ctx, insertOwner, owner, o.ID); err != nil {
		return o, fmt.Errorf("insert owner: %w", err)
	}
	m := Membership{UserID: owner, OrganizationID: o.ID, Role: policy.Owner, Status: MembershipActive}
	return o, PublishMembership(ctx, tx, m)
}

// PublishMembership tells of a membership's new role or standing.
func PublishMembership(ctx context.Context, tx *outbox.Tx, m Membership) error {
	return tx.Publish(ctx, events.MembershipChanged{
		UserID: m.UserID, OrganizationID: m.OrganizationID, Role: m.Role, Status: m.Status, ChangedAt: time.Now().UTC(),
	})
}

const (
	lockPeople     = `SELECT FROM users WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE` // who may leave several at once
	selectHomeless = `SELECT id FROM users u WHERE id = ANY ($1) AND NOT EXISTS (SELECT FROM memberships WHERE user_id = u.id)`
)

// House gives those among some people who are left without any organization one of
// their own, as at registration: their accounts stay, and everybody can log in.
func House(ctx context.Context, tx *outbox.Tx, people ...uuid.UUID) error {
	if _, err := tx.Exec(ctx, lockPeople, people); err != nil {
		return fmt.Errorf("lock people: %w", err)
	}
	rows, _ := tx.Query(ctx, selectHomeless, people)
	homeless, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("look for people without an organization: %w", err)
	}
	for _, person := range homeless {
		if _, err := NewOrganization(ctx, tx, person, "My organization"); err != nil {
			return err
		}
	}
	return nil
}

const (
	deleteMembership = `DELETE FROM memberships WHERE user_id = $1 AND organization_id = $2`
	revokeKeys       = `UPDATE api_keys SET revoked_at = now() WHERE user_id = $1 AND organization_id = $2 AND revoked_at IS NULL`
)

// EndMembership takes a person out of an organization, and gives one who is left without
// any a new one.
func EndMembership(ctx context.Context, tx *outbox.Tx, person, organization uuid.UUID) error {
	if err := TakeOut(ctx, tx, person, organization); err != nil {
		return err
	}
	return House(ctx, tx, person)
}

// TakeOut takes a person out of an organization, with their grants, teams, keys and
// sessions in it; nothing of their other organizations ends. Who is left without any
// needs one ([House]), or is not to have an account any more.
func TakeOut(ctx context.Context, tx *outbox.Tx, person, organization uuid.UUID) error {
	if _, err := tx.Exec(ctx, deleteMembership, person, organization); err != nil {
		return fmt.Errorf("delete membership: %w", err)
	}
	if _, err := tx.Exec(ctx, revokeKeys, person, organization); err != nil {
		return fmt.Errorf("revoke keys: %w", err)
	}
	if err := endSessionsIn(ctx, tx, person, organization, "left"); err != nil {
		return err
	}
	return tx.Publish(ctx, events.MembershipEnded{UserID: person, OrganizationID: organization, EndedAt: time.Now().UTC()})
}

const endSessionsOf = `UPDATE sessions SET ended_at = now(), end_reason = $3 WHERE user_id = $1 AND organization_id = $2 AND ended_at IS NULL`

func endSessionsIn(ctx context.Context, tx pgx.Tx, person, organization uuid.UUID, reason string) error {
	if _, err := tx.Exec(ctx, endSessionsOf, person, organization, reason); err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}
