package access

import (
	"context"
	"time"

	"github.com/google/uuid"

	"function/shared/events"
	"function/shared/outbox"
)

// PublishMembership publishes a membership's new role or status.
func PublishMembership(ctx context.Context, tx *outbox.Tx, m Membership) error {
	return tx.Publish(ctx, events.MembershipChanged{
		UserID: m.UserID, OrganizationID: m.OrganizationID, Role: m.Role, Status: m.Status, ChangedAt: time.Now().UTC(),
	})
}

// The states of a membership: requested until somebody with the right approves it.
const (
	MembershipRequested = "requested"
	MembershipActive    = "active"
	MembershipSuspended = "suspended"
)

// Membership is a person's role and status in an organization.
type Membership struct {
	UserID         uuid.UUID `json:"user_id" format:"uuid"`
	OrganizationID uuid.UUID `json:"organization_id" format:"uuid"`
	Role           string    `json:"role" doc:"A built-in role (owner, admin, compliance_officer, member, analyst, viewer) or one of the organization's own"`
	Status         string    `json:"status" enum:"requested,active,suspended"`
}
