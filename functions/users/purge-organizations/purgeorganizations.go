// Package purgeorganizations disposes of organizations whose deletion can be taken back
// no more. It runs every night.
package purgeorganizations

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users"
	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
)

// Schedule is when it runs.
var Schedule = function.Schedule{Cron: "40 2 * * *"}

// Function purges organizations.
type Function struct{ users.Store }

// New opens the organizations.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	return &Function{store}, err
}

// atOnce bounds the members who go in one transaction.
const atOnce = 500

const (
	// One that somebody else is at work on is left to them.
	selectPast = `
SELECT id FROM organizations WHERE deleted_at <= now() - $1::interval
ORDER BY deleted_at LIMIT 1 FOR UPDATE SKIP LOCKED`
	// The owners go last, with the organization: it is never without one.
	deleteMembers = `
DELETE FROM memberships WHERE organization_id = $1 AND user_id IN (
    SELECT user_id FROM memberships WHERE organization_id = $1 AND role <> 'owner' ORDER BY user_id LIMIT $2)
RETURNING user_id`
	deleteSessions = `DELETE FROM sessions WHERE organization_id = $1 AND user_id = ANY ($2)`
	selectOwners   = `SELECT user_id FROM memberships WHERE organization_id = $1 ORDER BY user_id`
)

// Handle purges what is past the grace, a bounded part in each transaction. What was
// begun is completed by the next waking.
func (f *Function) Handle(ctx context.Context) error {
	for more := true; more; {
		err := f.DB.Transact(ctx, func(tx *outbox.Tx) error {
			var organization uuid.UUID
			err := tx.QueryRow(ctx, selectPast, users.DeletionGrace).Scan(&organization)
			if more = !database.IsNoRows(err); !more {
				return nil
			}
			if err != nil {
				return fmt.Errorf("look for organizations past the grace: %w", err)
			}
			return purge(ctx, tx, organization)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// purge disposes of some members, or of the organization when only owners are left.
func purge(ctx context.Context, tx *outbox.Tx, organization uuid.UUID) error {
	rows, _ := tx.Query(ctx, deleteMembers, organization, atOnce)
	gone, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("delete members: %w", err)
	}
	if len(gone) > 0 {
		if _, err := tx.Exec(ctx, deleteSessions, organization, gone); err != nil {
			return fmt.Errorf("delete sessions: %w", err)
		}
		return users.House(ctx, tx, gone...)
	}
	rows, _ = tx.Query(ctx, selectOwners, organization)
	owners, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("read owners: %w", err)
	}
	if err := users.DeleteOrganization(ctx, tx, organization); err != nil {
		return err
	}
	return users.House(ctx, tx, owners...)
}
