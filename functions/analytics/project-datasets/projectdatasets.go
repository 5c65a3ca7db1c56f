// Package projectdatasets maintains the projection of data sets, the table datasets in SQL over
// postgresql. It runs when a data set is created, uploaded to, retried, ready, failed, deleted or
// undeleted.
package projectdatasets

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/outbox"
)

// Function maintains the projection of data sets.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Analytics)
	return &Function{db: db}, err
}

// Service declares the function.
var Service = function.Service("analytics-project-datasets", New,
	function.OnEvent(project(func(e events.DatasetCreated) events.Dataset { return e.Dataset })),
	function.OnEvent(project(func(e events.DatasetUploaded) events.Dataset { return e.Dataset })),
	function.OnEvent(project(func(e events.DatasetRetried) events.Dataset { return e.Dataset })),
	function.OnEvent(project(func(e events.DatasetReady) events.Dataset { return e.Dataset })),
	function.OnEvent(project(func(e events.DatasetFailed) events.Dataset { return e.Dataset })),
	function.OnEvent(project(func(e events.DatasetDeleted) events.Dataset { e.Status = deleted; return e.Dataset })),
	function.OnEvent(project(func(e events.DatasetUndeleted) events.Dataset { return e.Dataset })),
	function.OnEvent(project(func(e events.DatasetVisibilityChanged) events.Dataset { return e.Dataset })),
).
	Uses(function.Owns(database.Analytics))

// deleted is the status of a tombstone. The row remains so that an event that arrives after the
// deletion, but happened before it, does not bring the data set back. A restricted data set has it
// too, because every member of the organization can query the projections.
const deleted = "deleted"

// Events of one data set may arrive out of order; the newest state wins.
const upsertDataset = `
INSERT INTO projections.datasets AS d
       (id, organization_id, name, storage_type, status, version, row_count, size_bytes, created_at, changed_at)
VALUES (@id, @organization, @name, @storage, @status, @version, @rows, @bytes, @created, @changed)
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name, storage_type = excluded.storage_type, status = excluded.status, version = excluded.version,
    row_count = excluded.row_count, size_bytes = excluded.size_bytes, changed_at = excluded.changed_at
WHERE excluded.changed_at >= d.changed_at`

func project[E events.Event](state func(E) events.Dataset) func(*Function, context.Context, events.Received[E]) error {
	return func(f *Function, ctx context.Context, e events.Received[E]) error {
		return outbox.Once(ctx, f.db, e, func(tx *outbox.Tx) error {
			d := state(e.Data)
			if d.Restricted {
				d.Status = deleted
			}
			_, err := tx.Exec(ctx, upsertDataset, pgx.NamedArgs{
				"id": d.DatasetID, "organization": d.OrganizationID, "name": d.Name, "storage": d.StorageType, "status": d.Status,
				"version": d.Version, "rows": d.Rows, "bytes": d.Bytes, "created": d.CreatedAt, "changed": d.ChangedAt,
			})
			if err != nil {
				return fmt.Errorf("project data set: %w", err)
			}
			return nil
		})
	}
}
