package person

import (
	"context"
	"time"

	"github.com/google/uuid"

	"function/shared/events"
	"function/shared/outbox"
)

// Constraints that [lifecycle.OpenAccount] can violate.
const (
	EmailTaken          = "users_email"
	UnknownOrganization = "memberships_organization"
)

func (a Account) Publish(ctx context.Context, tx *outbox.Tx, role string) error {
	return tx.Publish(ctx, events.UserRegistered{UserID: a.ID, OrganizationID: a.OrganizationID, Role: role, RegisteredAt: a.CreatedAt})
}

// Account is a person's account, as shown to that person.
type Account struct {
	ID             uuid.UUID `json:"id" format:"uuid"`
	Email          string    `json:"email" format:"email"`
	FirstName      string    `json:"first_name"`
	LastName       string    `json:"last_name"`
	OrganizationID uuid.UUID `json:"organization_id" format:"uuid"`
	CreatedAt      time.Time `json:"created_at"`
}
