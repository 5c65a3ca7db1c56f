package derive

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/derivation"
	"function/shared/access"
	"function/shared/events"
	"function/shared/outbox"
)

const selectDerived = `
SELECT DISTINCT i.dataset_id FROM derivation_inputs i JOIN datasets d ON d.id = i.dataset_id
WHERE i.input_dataset_id = $1 AND d.organization_id = $2 AND d.deleted_at IS NULL`

// Ready adds a version to every data set that is derived from the one that the event is about. It reads the current
// versions of all inputs, so that the order and the number of events do not matter.
func (f *Function) Ready(ctx context.Context, e events.Received[events.DatasetReady]) error {
	rows, _ := f.db.Query(ctx, selectDerived, e.Data.DatasetID, e.Data.OrganizationID)
	derived, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("list derived data sets: %w", err)
	}
	for _, id := range derived {
		if err := f.run(ctx, e.Data.OrganizationID, id); err != nil {
			return fmt.Errorf("derive %s: %w", id, err)
		}
	}
	return nil
}

func (f *Function) run(ctx context.Context, organization, id uuid.UUID) error {
	_, key, err := f.keys.NewKey(ctx)
	if err != nil {
		return err
	}
	err = f.db.Transact(ctx, func(tx *outbox.Tx) error {
		if err := dataset.Lock(ctx, tx, id, access.Platform(organization)); err != nil {
			return err
		}
		_, err := derivation.Run(ctx, tx, key, id)
		return err
	})
	if errors.Is(err, dataset.ErrNotFound) {
		return nil // deleted in the meantime
	}
	return err
}
