package access

import (
	"context"
	"time"

	"github.com/google/uuid"

	"function/shared/events"
	"function/shared/outbox"
)

// PublishMembership tells of a membership's new role or standing.
func PublishMembership(ctx context.Context, tx *outbox.Tx, m Membership) error {
	return tx.Publish(ctx, events.MembershipChanged{
		UserID: m.UserID, OrganizationID: m.OrganizationID, Role: m.Role, Status: m.Status, ChangedAt: time.Now().UTC(),
	})
}

// The states of a membership: a person asks to join an organization, and somebody
// who may lets the person in.
const (
	MembershipRequested = "requested"
	MembershipActive    = "active"
	MembershipSuspended = "suspended"
)

// Membership ties a person to an organization.
type Membership struct {
	UserID         uuid.UUID `json:"user_id" format:"uuid"`
	OrganizationID uuid.UUID `json:"organization_id" format:"uuid"`
	Role           string    `json:"role" doc:"A built-in role (owner, admin, compliance_officer, member, analyst, viewer) or one of the organization's own"`
	Status         string    `json:"status" enum:"requested,active,suspended"`
}
