// Package dispose destroys what is left of data sets that were deleted longer ago
// than a retention policy keeps them: their objects and, with their rows, their
// keys. It runs when the retention sweep asks for it, and answers what it disposed
// of. Objects that interrupted uploads left behind go as well.
package dispose

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets"
	"function/shared/audit"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/outbox"
)

// Service declares the function.
var Service = function.Subscriber("datasets-dispose", New).
	Uses(function.Owns(database.Datasets), function.Keys, function.Objects)

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

// Handle disposes of some data sets in each transaction, so that a disposal of many
// which dies goes on where it was. A second delivery finds nothing left.
func (f *Function) Handle(ctx context.Context, e events.Received[events.DatasetDisposalRequested]) error {
	if err := f.Sweep(ctx); err != nil {
		return err
	}
	for more := true; more; {
		err := f.DB.Transact(ctx, func(tx *outbox.Tx) (err error) {
			more, err = f.disposeSome(ctx, tx, e.Data.Disposal)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// disposeSome disposes of the data sets that have been deleted for longest, and puts
// it on record; false: there were none.
func (f *Function) disposeSome(ctx context.Context, tx *outbox.Tx, d events.Disposal) (bool, error) {
	rows, _ := tx.Query(ctx, selectExpired, pgx.NamedArgs{"cutoff": d.Cutoff, "only": d.Only, "except": d.Except})
	expired, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return false, fmt.Errorf("list expired data sets: %w", err)
	}
	if len(expired) == 0 {
		return false, nil
	}
	counts, err := f.destroy(ctx, tx, expired)
	if err != nil {
		return false, err
	}
	for _, c := range counts {
		detail := map[string]any{"items": c.Items, "policy": d.PolicyID, "sweep": d.SweepID, "cutoff": d.Cutoff}
		if err := audit.Record(ctx, tx, audit.Entry{Action: "retention:dispose", ResourceID: "datasets", OrganizationID: c.OrganizationID, Detail: detail}); err != nil {
			return false, err
		}
	}
	for _, disposed := range d.Disposed(counts, time.Now().UTC()) {
		if err := tx.Publish(ctx, disposed); err != nil {
			return false, err
		}
	}
	return true, nil
}

// destroy destroys objects before the rows that name them: what dies half-way is done
// again from the start.
func (f *Function) destroy(ctx context.Context, tx pgx.Tx, expired []uuid.UUID) ([]events.DisposedCount, error) {
	rows, _ := tx.Query(ctx, selectObjects, expired)
	stored, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ StorageType, Name string }])
	if err != nil {
		return nil, fmt.Errorf("list objects of expired data sets: %w", err)
	}
	for _, o := range stored {
		bucket, err := f.Objects(ctx, o.StorageType)
		if err != nil {
			return nil, err
		}
		if err := bucket.Delete(ctx, o.Name); err != nil {
			return nil, fmt.Errorf("dispose of object: %w", err)
		}
	}
	rows, _ = tx.Query(ctx, deleteDatasets, expired)
	counts, err := pgx.CollectRows(rows, pgx.RowToStructByName[events.DisposedCount])
	if err != nil {
		return nil, fmt.Errorf("delete expired data sets: %w", err)
	}
	return counts, nil
}
