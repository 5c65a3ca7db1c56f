// Package eraseorganization deletes the data sets of an organization that is gone. It
// runs when the users domain has deleted the organization for good.
//
// They are deleted as their users would: at once for queries, and their bytes and keys
// when the organization's retention policy says, whose duties to keep outlive it.
package eraseorganization

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets"
	"function/shared/erasure"
	"function/shared/events"
	"function/shared/function"
	"function/shared/outbox"
)

// Function deletes the data sets of organizations.
type Function struct{ datasets.Store }

// New opens the data sets.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := datasets.Open(ctx, env)
	return &Function{store}, err
}

const selectSome = `
SELECT id FROM datasets WHERE organization_id = $1 AND deleted_at IS NULL ORDER BY id LIMIT 100 FOR UPDATE`

// Handle deletes some data sets in each transaction. What was begun is completed by the
// event's next delivery.
func (f *Function) Handle(ctx context.Context, e events.Received[events.OrganizationDeleted]) error {
	if err := erasure.Begin(ctx, f.DB, e.Data); err != nil {
		return err
	}
	for more := true; more; {
		err := f.DB.Transact(ctx, func(tx *outbox.Tx) (err error) {
			more, err = deleteSome(ctx, tx, e.Data.OrganizationID)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// deleteSome deletes some data sets; false: there were none.
func deleteSome(ctx context.Context, tx *outbox.Tx, organization uuid.UUID) (bool, error) {
	rows, _ := tx.Query(ctx, selectSome, organization)
	some, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return false, fmt.Errorf("list data sets of organization: %w", err)
	}
	for _, dataset := range some {
		if err := datasets.Delete(ctx, tx, organization, dataset); err != nil {
			return false, err
		}
	}
	return len(some) > 0, nil
}
