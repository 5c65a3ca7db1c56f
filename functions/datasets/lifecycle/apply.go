package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/archival"
	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/expiry"
	"function/shared/outbox"
)

const selectAll = `
SELECT id FROM datasets WHERE deleted_at IS NULL AND id > $1
  AND (EXISTS (SELECT FROM dataset_lifecycles WHERE dataset_id = id) OR EXISTS (SELECT FROM dataset_archiving WHERE dataset_id = id))
ORDER BY id LIMIT 1000`

// Apply applies all policies. A data set that fails does not keep the others from being served.
func (f *Function) Apply(ctx context.Context) error {
	var failed error
	for last, more := uuid.Nil, true; more; {
		rows, _ := f.db.Query(ctx, selectAll, last)
		some, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		if err != nil {
			return fmt.Errorf("list lifecycle policies: %w", err)
		}
		for _, id := range some {
			if err := f.apply(ctx, id); err != nil {
				slog.ErrorContext(ctx, "lifecycle policy not applied", "dataset", id, "error", err)
				failed = errors.Join(failed, err)
			}
			last = id
		}
		more = len(some) > 0
	}
	return failed
}

// apply removes versions and requests that others are archived.
func (f *Function) apply(ctx context.Context, id uuid.UUID) error {
	return f.db.Transact(ctx, func(tx *outbox.Tx) error {
		if _, err := expiry.Apply(ctx, tx, id); err != nil && !errors.Is(err, dataset.ErrNotFound) {
			return err // without limits on what is kept, nothing is found
		}
		p, err := archival.Lock(ctx, tx, id)
		if err != nil || p == nil {
			return err
		}
		if f.archives[p.StorageType] == "" {
			slog.WarnContext(ctx, "versions not archived, because no archive is configured", "dataset", id, "storage_type", p.StorageType)
			return nil
		}
		return p.RequestNext(ctx, tx, id, math.MaxInt32)
	})
}
