package membership

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/access"
	"function/functions/users/internal/session"
	"function/shared/audit"
	"function/shared/database"
	"function/shared/events"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/uuid7"
)

// DefaultOrganizationName names an organization after a few letters of its identifier until
// somebody renames it. It does not use a person's name, since those are encrypted and
// organization names are not.
func DefaultOrganizationName(id uuid.UUID) string {
	text := strings.ToUpper(id.String())
	return "Organization " + text[len(text)-6:]
}

const (
	deleteConsents     = `DELETE FROM consent_decisions WHERE organization_id = $1`
	deleteOrganization = `DELETE FROM organizations WHERE id = $1`
)

// DeleteOrganization permanently deletes an organization with all its memberships.
func DeleteOrganization(ctx context.Context, tx *outbox.Tx, organization uuid.UUID) error {
	for _, statement := range []string{deleteConsents, deleteOrganization} {
		if _, err := tx.Exec(ctx, statement, organization); err != nil {
			return fmt.Errorf("delete organization: %w", err)
		}
	}
	err := audit.Record(ctx, tx, audit.Entry{Action: "organizations:purge", ResourceID: organization.String(), OrganizationID: organization})
	if err != nil {
		return err
	}
	return tx.Publish(ctx, events.OrganizationDeleted{OrganizationID: organization, DeletedAt: time.Now().UTC()})
}

// DeletionGrace is how long a deleted organization can be restored.
const DeletionGrace = 30 * 24 * time.Hour

// Organization is a tenant of the platform.
type Organization struct {
	ID        uuid.UUID  `json:"id" format:"uuid"`
	Name      string     `json:"name"`
	CreatedAt time.Time  `json:"created_at"`
	DeletedAt *time.Time `json:"deleted_at,omitempty" doc:"When its deletion was requested; an owner can restore it for 30 days"`
}

const (
	insertOrganization = `INSERT INTO organizations (id, name) VALUES ($1, $2) RETURNING id, name, created_at, deleted_at`
	insertOwner        = `INSERT INTO memberships (user_id, organization_id, role, status) VALUES ($1, $2, 'owner', 'active')`
)

// NewOrganization creates an organization with its first owner. Without a name it gets
// [DefaultOrganizationName].
func NewOrganization(ctx context.Context, tx *outbox.Tx, owner uuid.UUID, name string) (Organization, error) {
	id := uuid7.New()
	o, err := database.One[Organization](ctx, tx, pgx.ErrNoRows, insertOrganization, id, cmp.Or(name, DefaultOrganizationName(id)))
	if err != nil {
		return o, fmt.Errorf("insert organization: %w", err)
	}
	if _, err := tx.Exec(ctx, insertOwner, owner, o.ID); err != nil {
		return o, fmt.Errorf("insert owner: %w", err)
	}
	m := access.Membership{UserID: owner, OrganizationID: o.ID, Role: policy.Owner, Status: access.MembershipActive}
	return o, access.PublishMembership(ctx, tx, m)
}

const (
	lockPeople                = `SELECT FROM users WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE` // in a fixed order, since people may leave several organizations at once
	selectWithoutOrganization = `SELECT id FROM users u WHERE id = ANY ($1) AND NOT EXISTS (SELECT FROM memberships WHERE user_id = u.id)`
)

// EnsurePersonalOrganization creates an organization, as at registration, for each of the
// given people who no longer has one, so that everybody can still log in.
func EnsurePersonalOrganization(ctx context.Context, tx *outbox.Tx, people ...uuid.UUID) error {
	if _, err := tx.Exec(ctx, lockPeople, people); err != nil {
		return fmt.Errorf("lock people: %w", err)
	}
	rows, _ := tx.Query(ctx, selectWithoutOrganization, people)
	homeless, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("look for people without an organization: %w", err)
	}
	for _, person := range homeless {
		if _, err := NewOrganization(ctx, tx, person, ""); err != nil {
			return err
		}
	}
	return nil
}

const (
	deleteMembership = `DELETE FROM memberships WHERE user_id = $1 AND organization_id = $2`
	revokeKeys       = `UPDATE api_keys SET revoked_at = now() WHERE user_id = $1 AND organization_id = $2 AND revoked_at IS NULL`
)

// EndMembership removes a person from an organization and creates a new one for them if it
// was their last.
func EndMembership(ctx context.Context, tx *outbox.Tx, person, organization uuid.UUID) error {
	if err := Delete(ctx, tx, person, organization); err != nil {
		return err
	}
	return EnsurePersonalOrganization(ctx, tx, person)
}

// Delete removes a person from an organization, with their grants, teams, keys and sessions
// in it. Other organizations are not affected. If it was the last one, the caller must also
// call [EnsurePersonalOrganization] or delete the account.
func Delete(ctx context.Context, tx *outbox.Tx, person, organization uuid.UUID) error {
	if _, err := tx.Exec(ctx, deleteMembership, person, organization); err != nil {
		return fmt.Errorf("delete membership: %w", err)
	}
	if _, err := tx.Exec(ctx, revokeKeys, person, organization); err != nil {
		return fmt.Errorf("revoke keys: %w", err)
	}
	if err := session.EndSessionsIn(ctx, tx, person, organization, "left"); err != nil {
		return err
	}
	return tx.Publish(ctx, events.MembershipEnded{UserID: person, OrganizationID: organization, EndedAt: time.Now().UTC()})
}
