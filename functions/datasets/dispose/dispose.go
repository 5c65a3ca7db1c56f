// Package dispose destroys what is left of data sets that were deleted longer ago
// than a retention policy keeps them: their objects and, with their rows, their
// keys. It runs when the retention sweep asks for it, and answers what it disposed
// of. Objects that interrupted uploads left behind go as well.
package dispose

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets"
	"function/shared/audit"
	"function/shared/events"
	"function/shared/function"
	"function/shared/outbox"
)

// Function disposes of data sets.
type Function struct{ datasets.Store }

// New opens the data sets.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := datasets.Open(ctx, env)
	return &Function{store}, err
}

const (
	selectExpired = `
SELECT id FROM datasets
WHERE deleted_at < @cutoff
  AND (@only = '00000000-0000-0000-0000-000000000000'::uuid OR organization_id = @only)
  AND organization_id <> ALL (coalesce(@except::uuid[], '{}'))
ORDER BY deleted_at LIMIT 500 FOR UPDATE`
	selectObjects = `
SELECT d.storage_type, o.name
FROM datasets d JOIN dataset_versions v ON v.dataset_id = d.id, LATERAL (VALUES (v.object_name), (v.table_name)) AS o (name)
WHERE d.id = ANY ($1) AND o.name IS NOT NULL`
	deleteDatasets = `
WITH stored AS (
    SELECT dataset_id, sum(stored_bytes + coalesce(table_bytes, 0)) AS bytes
    FROM dataset_versions WHERE dataset_id = ANY ($1) GROUP BY dataset_id
), disposed AS (
    DELETE FROM datasets WHERE id = ANY ($1) RETURNING id, organization_id, deleted_at
)
SELECT organization_id, count(*) AS items, coalesce(sum(bytes), 0)::bigint AS bytes, min(deleted_at) AS oldest, max(deleted_at) AS newest
FROM disposed LEFT JOIN stored ON stored.dataset_id = disposed.id GROUP BY organization_id`
)

// Handle destroys objects before the rows that name them: what dies half-way is
// done again from the start.
func (f *Function) Handle(ctx context.Context, e events.Received[events.DatasetDisposalRequested]) error {
	if err := f.Sweep(ctx); err != nil {
		return err
	}
	return outbox.Once(ctx, f.DB, e, func(tx *outbox.Tx) error {
		counts := map[uuid.UUID]events.DisposedCount{}
		for {
			rows, _ := tx.Query(ctx, selectExpired, pgx.NamedArgs{"cutoff": e.Data.Cutoff, "only": e.Data.Only, "except": e.Data.Except})
			expired, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
			if err != nil {
				return fmt.Errorf("list expired data sets: %w", err)
			}
			if len(expired) == 0 {
				break
			}
			if err := f.dispose(ctx, tx, expired, counts); err != nil {
				return err
			}
		}
		for _, c := range counts {
			detail := map[string]any{"items": c.Items, "policy": e.Data.PolicyID, "sweep": e.Data.SweepID, "cutoff": e.Data.Cutoff}
			if err := audit.Record(ctx, tx, audit.Entry{Action: "retention:dispose", ResourceID: "datasets", OrganizationID: c.OrganizationID, Detail: detail}); err != nil {
				return err
			}
		}
		for _, disposed := range e.Data.Disposed(slices.Collect(maps.Values(counts)), time.Now().UTC()) {
			if err := tx.Publish(ctx, disposed); err != nil {
				return err
			}
		}
		return nil
	})
}

// dispose destroys some data sets and adds them to the counts.
func (f *Function) dispose(ctx context.Context, tx pgx.Tx, expired []uuid.UUID, counts map[uuid.UUID]events.DisposedCount) error {
	rows, _ := tx.Query(ctx, selectObjects, expired)
	stored, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ StorageType, Name string }])
	if err != nil {
		return fmt.Errorf("list objects of expired data sets: %w", err)
	}
	for _, o := range stored {
		bucket, err := f.Objects(ctx, o.StorageType)
		if err != nil {
			return err
		}
		if err := bucket.Delete(ctx, o.Name); err != nil {
			return fmt.Errorf("dispose of object: %w", err)
		}
	}
	rows, _ = tx.Query(ctx, deleteDatasets, expired)
	disposed, err := pgx.CollectRows(rows, pgx.RowToStructByName[events.DisposedCount])
	if err != nil {
		return fmt.Errorf("delete expired data sets: %w", err)
	}
	for _, c := range disposed {
		sum, known := counts[c.OrganizationID]
		if !known {
			counts[c.OrganizationID] = c
			continue
		}
		sum.Items, sum.Bytes = sum.Items+c.Items, sum.Bytes+c.Bytes
		sum.Newest = c.Newest // batches come in the order of deletion
		counts[c.OrganizationID] = sum
	}
	return nil
}
