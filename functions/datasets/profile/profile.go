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

// Service declares the function.
var Service = function.Subscriber("datasets-profile", New).
	Uses(function.Owns(database.Datasets), function.Keys, function.Objects)

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
       v.format, v.header_absent, coalesce(v.charset, '') AS charset, v.object_name, v.wrapped_key
FROM datasets d JOIN dataset_versions v ON v.dataset_id = d.id
WHERE d.id = $1 AND v.version = $2 AND v.status = 'processing' AND d.deleted_at IS NULL`

	// An older version's profile may come after a newer one's: it changes neither
	// the status, which is the newest version's, nor a later ready version.
	updateDataset = `
UPDATE datasets SET ready_version = CASE @outcome WHEN 'ready' THEN greatest(ready_version, @version) ELSE ready_version END,
       status = CASE newest_version WHEN @version THEN @outcome ELSE status END, ` + datasets.Changed + `
WHERE id = @dataset AND deleted_at IS NULL`
	updateVersion = `
UPDATE dataset_versions SET status = @outcome, progress = NULL, profiled_at = clock_timestamp(), failure = @failure,
       table_name = @table, table_bytes = @bytes, row_count = @rows, columns = @columns
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
		if err != nil && !errors.As(err, &invalid) {
			return err
		}
		result, err := resultOf(table, profile, invalid)
		if err != nil {
			return err
		}
		return finish(ctx, tx, upload, table, result, began)
	})
}

// resultOf is what the statements write: of a table, or of a file that is none.
func resultOf(table *datasets.Staged, profile *engine.Profile, invalid *engine.InvalidError) (pgx.NamedArgs, error) {
	if invalid != nil {
		return pgx.NamedArgs{"outcome": datasets.Failed, "failure": datasets.Sentence(invalid)}, nil
	}
	columns, err := json.Marshal(profile.Columns)
	if err != nil {
		return nil, fmt.Errorf("encode profile: %w", err)
	}
	return pgx.NamedArgs{
		"outcome": datasets.Ready, "table": table.Name, "bytes": table.StoredBytes(), "rows": profile.Rows, "columns": json.RawMessage(columns),
	}, nil
}

// finish writes the result, unless the data set was deleted in the meantime.
func finish(ctx context.Context, tx *outbox.Tx, u datasets.Upload, table *datasets.Staged, result pgx.NamedArgs, began time.Time) error {
	result["dataset"], result["version"] = u.DatasetID, u.Version
	updated, err := tx.Exec(ctx, updateDataset, result)
	if err != nil {
		return fmt.Errorf("update data set: %w", err)
	}
	if updated.RowsAffected() == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, updateVersion, result); err != nil {
		return fmt.Errorf("update version: %w", err)
	}
	if table != nil {
		if err := table.Adopt(ctx, tx); err != nil {
			return err
		}
	}
	labels := metrics.Labels{"job": "profile", "outcome": result["outcome"].(string)}
	if err := metrics.Observe(ctx, tx, "data_processing_jobs_duration", labels, time.Since(began)); err != nil {
		return err
	}
	state, err := datasets.State(ctx, tx, u.DatasetID)
	if err != nil {
		return err
	}
	if table == nil {
		return tx.Publish(ctx, events.DatasetFailed{Dataset: state})
	}
	return tx.Publish(ctx, events.DatasetReady{Dataset: state})
}
