// Package profile makes an uploaded version ready for queries: a typed Parquet
// copy, and a profile of its columns. It runs when a version was uploaded.
package profile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"function/functions/datasets"
	"function/shared/database"
	"function/shared/engine"
	"function/shared/events"
	"function/shared/function"
	"function/shared/metrics"
	"function/shared/outbox"
)

// Function profiles versions.
type Function struct {
	datasets.Store
	scratch string
	turn    chan struct{} // one at a time: each takes most of a pod's memory
}

// New opens the data sets.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := datasets.Open(ctx, env)
	return &Function{Store: store, scratch: env.Config.Scratch, turn: make(chan struct{}, 1)}, err
}

const (
	selectUpload = `
SELECT d.id AS dataset_id, d.organization_id, v.version, d.storage_type, d.declared_schema AS schema,
       v.format, v.header_absent, v.object_name, v.wrapped_key
FROM datasets d JOIN dataset_versions v ON v.dataset_id = d.id
WHERE d.id = $1 AND v.version = $2 AND v.status = 'processing' AND d.deleted_at IS NULL`

	// An older version's profile may come after a newer one's: it changes neither
	// the status, which is the newest version's, nor a later ready version.
	datasetReady = `
UPDATE datasets SET ready_version = greatest(ready_version, @version),
       status = CASE WHEN newest_version = @version THEN 'ready' ELSE status END, ` + datasets.Changed + `
WHERE id = @dataset AND deleted_at IS NULL`
	datasetFailed = `
UPDATE datasets SET status = CASE WHEN newest_version = @version THEN 'failed' ELSE status END, ` + datasets.Changed + `
WHERE id = @dataset AND deleted_at IS NULL`

	versionReady = `
UPDATE dataset_versions SET status = 'ready', progress = NULL, profiled_at = clock_timestamp(),
       table_name = @table, table_bytes = @bytes, row_count = @rows, columns = @columns
WHERE dataset_id = @dataset AND version = @version`
	versionFailed = `
UPDATE dataset_versions SET status = 'failed', progress = NULL, profiled_at = clock_timestamp(), failure = @failure
WHERE dataset_id = @dataset AND version = @version`
)

// Handle profiles the version of the event. While it does, the transaction holds
// no lock but the event's, so that uploads and progress go on.
func (f *Function) Handle(ctx context.Context, e events.Received[events.DatasetUploaded]) error {
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return fmt.Errorf("wait for a turn to profile: %w", ctx.Err())
	}
	var table *datasets.Staged
	defer func() { table.Discard(ctx) }()
	return outbox.Once(ctx, f.DB, e, func(tx *outbox.Tx) error {
		table.Discard(ctx) // of a transaction that lost a race
		began := time.Now()
		rows, _ := tx.Query(ctx, selectUpload, e.Data.DatasetID, e.Data.Version)
		upload, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[datasets.Upload])
		if database.IsNoRows(err) {
			return nil // deleted in the meantime
		}
		if err != nil {
			return fmt.Errorf("look up version: %w", err)
		}
		var profile *engine.Profile
		table, profile, err = f.Prepare(ctx, upload, f.scratch)
		var invalid *engine.InvalidError
		switch {
		case errors.As(err, &invalid):
			return f.failed(ctx, tx, upload, invalid, began)
		case err != nil:
			return err
		}
		return f.ready(ctx, tx, upload, table, profile, began)
	})
}

func (f *Function) ready(ctx context.Context, tx *outbox.Tx, u datasets.Upload, table *datasets.Staged, p *engine.Profile, began time.Time) error {
	columns, err := json.Marshal(p.Columns)
	if err != nil {
		return fmt.Errorf("encode profile: %w", err)
	}
	changed, err := f.change(ctx, tx, datasetReady, versionReady, pgx.NamedArgs{
		"dataset": u.DatasetID, "version": u.Version, "table": table.Name, "bytes": table.StoredBytes(), "rows": p.Rows, "columns": json.RawMessage(columns),
	})
	if err != nil || !changed {
		return err
	}
	if err := table.Adopt(ctx, tx); err != nil {
		return err
	}
	return f.publish(ctx, tx, u, datasets.Ready, began)
}

func (f *Function) failed(ctx context.Context, tx *outbox.Tx, u datasets.Upload, invalid *engine.InvalidError, began time.Time) error {
	changed, err := f.change(ctx, tx, datasetFailed, versionFailed, pgx.NamedArgs{
		"dataset": u.DatasetID, "version": u.Version, "failure": datasets.Sentence(invalid),
	})
	if err != nil || !changed {
		return err
	}
	return f.publish(ctx, tx, u, datasets.Failed, began)
}

// change updates the data set and then its version, unless it was deleted.
func (f *Function) change(ctx context.Context, tx *outbox.Tx, dataset, version string, args pgx.NamedArgs) (bool, error) {
	updated, err := tx.Exec(ctx, dataset, args)
	if err != nil {
		return false, fmt.Errorf("update data set: %w", err)
	}
	if updated.RowsAffected() == 0 {
		return false, nil
	}
	if _, err := tx.Exec(ctx, version, args); err != nil {
		return false, fmt.Errorf("update version: %w", err)
	}
	return true, nil
}

func (f *Function) publish(ctx context.Context, tx *outbox.Tx, u datasets.Upload, outcome string, began time.Time) error {
	err := metrics.Observe(ctx, tx, "data_processing_jobs_duration", metrics.Labels{"job": "profile", "outcome": outcome}, time.Since(began))
	if err != nil {
		return err
	}
	state, err := datasets.State(ctx, tx, u.DatasetID)
	if err != nil {
		return err
	}
	if outcome == datasets.Failed {
		return tx.Publish(ctx, events.DatasetFailed{Dataset: state})
	}
	return tx.Publish(ctx, events.DatasetReady{Dataset: state})
}
