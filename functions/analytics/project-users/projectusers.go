// Package projectusers maintains the projection of users, the table users in SQL over postgresql.
// It runs when a person registers, joins an organization, changes role or status in it, or leaves
// it.
package projectusers

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/outbox"
)

// Function maintains the projection of users.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Analytics)
	return &Function{db: db}, err
}

// Service declares the function.
var Service = function.Service("analytics-project-users", New,
	function.OnEvent((*Function).Registered),
	function.OnEvent((*Function).Approved),
	function.OnEvent((*Function).Changed),
	function.OnEvent((*Function).Ended),
).
	Uses(function.Owns(database.Analytics))

// Statuses of a membership. ended marks a tombstone.
const (
	active = "active"
	ended  = "ended"
)

// Registered adds a person who registered with an organization of their own.
func (f *Function) Registered(ctx context.Context, e events.Received[events.UserRegistered]) error {
	return outbox.Once(ctx, f.db, e, func(tx *outbox.Tx) error {
		return project(ctx, tx, e.Data.UserID, e.Data.OrganizationID, e.Data.Role, active, e.Data.RegisteredAt)
	})
}

// Approved adds a person after an organization has approved their membership.
func (f *Function) Approved(ctx context.Context, e events.Received[events.MembershipApproved]) error {
	return outbox.Once(ctx, f.db, e, func(tx *outbox.Tx) error {
		return project(ctx, tx, e.Data.UserID, e.Data.OrganizationID, e.Data.Role, active, e.Data.ApprovedAt)
	})
}

// Changed stores a person's new role and status.
func (f *Function) Changed(ctx context.Context, e events.Received[events.MembershipChanged]) error {
	return outbox.Once(ctx, f.db, e, func(tx *outbox.Tx) error {
		return project(ctx, tx, e.Data.UserID, e.Data.OrganizationID, e.Data.Role, e.Data.Status, e.Data.ChangedAt)
	})
}

// Ended hides a person who is no longer in the organization.
func (f *Function) Ended(ctx context.Context, e events.Received[events.MembershipEnded]) error {
	return outbox.Once(ctx, f.db, e, func(tx *outbox.Tx) error {
		return project(ctx, tx, e.Data.UserID, e.Data.OrganizationID, "", ended, e.Data.EndedAt)
	})
}

// Events of one membership may arrive out of order: the newest state and the earliest
// registration time win.
const upsertUser = `
INSERT INTO projections.users AS u (id, organization_id, role, status, registered_at, changed_at) VALUES ($1, $2, $3, $4, $5, $5)
ON CONFLICT (id, organization_id) DO UPDATE SET
    role = CASE WHEN excluded.changed_at > u.changed_at THEN excluded.role ELSE u.role END,
    status = CASE WHEN excluded.changed_at > u.changed_at THEN excluded.status ELSE u.status END,
    registered_at = least(u.registered_at, excluded.registered_at),
    changed_at = greatest(u.changed_at, excluded.changed_at)`

func project(ctx context.Context, tx *outbox.Tx, user, organization uuid.UUID, role, status string, at time.Time) error {
	if _, err := tx.Exec(ctx, upsertUser, user, organization, role, status, at); err != nil {
		return fmt.Errorf("project user: %w", err)
	}
	return nil
}
