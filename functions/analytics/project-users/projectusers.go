// Package projectusers keeps the projection of users, which SQL over postgresql
// sees as the table users. It runs when a person has opened an account, or was let
// into an organization.
package projectusers

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"function/functions/analytics"
	"function/shared/events"
	"function/shared/function"
	"function/shared/outbox"
)

// Function projects users.
type Function struct{ analytics.Store }

// New opens the projection.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := analytics.Open(ctx, env)
	return &Function{store}, err
}

// Parts are the events that the function receives.
var Parts = []function.Part[*Function]{
	function.OnEvent((*Function).Registered),
	function.OnEvent((*Function).Approved),
}

// Registered adds a person who opened an account with an organization of their own.
func (f *Function) Registered(ctx context.Context, e events.Received[events.UserRegistered]) error {
	return outbox.Once(ctx, f.DB, e, func(tx *outbox.Tx) error {
		return insert(ctx, tx, e.Data.UserID, e.Data.OrganizationID, e.Data.Role, e.Data.RegisteredAt)
	})
}

// Approved adds a person whom an organization let in.
func (f *Function) Approved(ctx context.Context, e events.Received[events.MembershipApproved]) error {
	return outbox.Once(ctx, f.DB, e, func(tx *outbox.Tx) error {
		return insert(ctx, tx, e.Data.UserID, e.Data.OrganizationID, e.Data.Role, e.Data.ApprovedAt)
	})
}

const insertUser = `
INSERT INTO projections.users (id, organization_id, role, registered_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (id, organization_id) DO NOTHING`

func insert(ctx context.Context, tx *outbox.Tx, user, organization uuid.UUID, role string, at time.Time) error {
	if _, err := tx.Exec(ctx, insertUser, user, organization, role, at); err != nil {
		return fmt.Errorf("project user: %w", err)
	}
	return nil
}
