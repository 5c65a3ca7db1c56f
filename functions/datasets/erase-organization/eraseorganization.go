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
	"function/shared/database"
	"function/shared/erasure"
	"function/shared/events"
	"function/shared/function"
	"function/shared/outbox"
)

// Service declares the function.
var Service = function.Subscriber("datasets-erase-organization", New).
	Uses(function.Owns(database.Datasets), function.Keys, function.Objects)

// Function deletes the data sets of organizations.
type Function struct{ datasets.Store }

// New opens the data sets.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := datasets.Open(ctx, env)
	return &Function{store}, err
}

// From where the last step ended: what was deleted is passed over once, and not by each step.
const selectSome = `
SELECT id FROM datasets WHERE organization_id = $1 AND deleted_at IS NULL AND id > $2 ORDER BY id LIMIT 100 FOR UPDATE`

// Handle deletes some data sets in each transaction. What was begun is completed by the
// event's next delivery.
func (f *Function) Handle(ctx context.Context, e events.Received[events.OrganizationDeleted]) error {
	if err := erasure.Begin(ctx, f.DB, e.Data); err != nil {
		return err
	}
	for last, more := uuid.Nil, true; more; {
		var some []uuid.UUID
		err := f.DB.Transact(ctx, func(tx *outbox.Tx) (err error) {
			some, err = deleteSome(ctx, tx, e.Data.OrganizationID, last)
			return err
		})
		if err != nil {
			return err
		}
		if more = len(some) > 0; more {
			last = some[len(some)-1]
		}
	}
	return nil
}

// deleteSome deletes the first data sets after one, and tells which.
func deleteSome(ctx context.Context, tx *outbox.Tx, organization, after uuid.UUID) ([]uuid.UUID, error) {
	rows, _ := tx.Query(ctx, selectSome, organization, after)
	some, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("list data sets of organization: %w", err)
	}
	return some, datasets.Delete(ctx, tx, organization, some...)
}
