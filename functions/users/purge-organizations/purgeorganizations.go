// Package purgeorganizations permanently deletes organizations that can no longer be restored.
// It runs every night.
package purgeorganizations

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/membership"
	"function/functions/users/internal/store"
	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
)

// Service declares the function.
var Service = function.Scheduled("users-purge-organizations", function.Schedule{Cron: "40 2 * * *"}, New).
	Uses(function.Owns(database.Users))

// Function purges organizations.
type Function struct{ store store.Store }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	return &Function{store}, err
}

// batchSize limits the members who are deleted in one transaction.
const batchSize = 500

const (
	// Skips organizations that another process works on, and those that have failed in this run.
	selectPast = `
SELECT id FROM organizations WHERE deleted_at <= now() - $1::interval AND id <> ALL ($2)
ORDER BY deleted_at LIMIT 1 FOR UPDATE SKIP LOCKED`
	// Owners are deleted last, together with the organization, since it must always have one.
	deleteMembers = `
DELETE FROM memberships WHERE organization_id = $1 AND user_id IN (
    SELECT user_id FROM memberships WHERE organization_id = $1 AND role <> 'owner' ORDER BY user_id LIMIT $2)
RETURNING user_id`
	deleteSessions = `DELETE FROM sessions WHERE organization_id = $1 AND user_id = ANY ($2)`
	selectOwners   = `SELECT user_id FROM memberships WHERE organization_id = $1 ORDER BY user_id`
)

// Handle deletes organizations whose grace period has passed, a limited part in each
// transaction. The next run completes what is left. A failure of one organization does not stop
// the others.
func (f *Function) Handle(ctx context.Context) error {
	failed, failures := []uuid.UUID{}, []error{}
	for {
		organization, err := f.purgeSome(ctx, failed)
		switch {
		case organization == uuid.Nil:
			return errors.Join(append(failures, err)...)
		case err != nil:
			slog.ErrorContext(ctx, "organization not purged", "organization_id", organization, "error", err)
			failed, failures = append(failed, organization), append(failures, fmt.Errorf("purge organization %s: %w", organization, err))
		}
	}
}

// purgeSome deletes a part of one organization and returns its identifier, or uuid.Nil if none
// is left except those that failed.
func (f *Function) purgeSome(ctx context.Context, failed []uuid.UUID) (organization uuid.UUID, err error) {
	err = f.store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		err := tx.QueryRow(ctx, selectPast, membership.DeletionGrace, failed).Scan(&organization)
		if database.IsNoRows(err) {
			organization = uuid.Nil
			return nil
		}
		if err != nil {
			return fmt.Errorf("look for organizations past the grace: %w", err)
		}
		return purge(ctx, tx, organization)
	})
	return organization, err
}

// purge deletes some members or, if only owners are left, the organization.
func purge(ctx context.Context, tx *outbox.Tx, organization uuid.UUID) error {
	rows, _ := tx.Query(ctx, deleteMembers, organization, batchSize)
	gone, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("delete members: %w", err)
	}
	if len(gone) > 0 {
		if _, err := tx.Exec(ctx, deleteSessions, organization, gone); err != nil {
			return fmt.Errorf("delete sessions: %w", err)
		}
		return membership.EnsurePersonalOrganization(ctx, tx, gone...)
	}
	rows, _ = tx.Query(ctx, selectOwners, organization)
	owners, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("read owners: %w", err)
	}
	if err := membership.DeleteOrganization(ctx, tx, organization); err != nil {
		return err
	}
	return membership.EnsurePersonalOrganization(ctx, tx, owners...)
}
