// Package version is the versions of a data set's file: they are received, prepared for
// queries, and finished as ready or failed.
package version

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"function/shared/ingest"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/staging"
	"function/shared/database"
	"function/shared/events"
	"function/shared/outbox"
)

// Outcome is how the profiling of a version has ended.
type Outcome struct {
	Failure string // a sentence; empty: the version is ready
	Table   *staging.Object
	Profile *ingest.Profile
}

const (
	// An older version's profile may come after a newer one's: it changes neither
	// the status, which is the newest version's, nor a later ready version.
	finishDataset = `
UPDATE datasets SET ready_version = CASE @outcome WHEN 'ready' THEN greatest(ready_version, @version) ELSE ready_version END,
       status = CASE newest_version WHEN @version THEN @outcome ELSE status END, ` + dataset.Changed + `
WHERE id = @dataset AND deleted_at IS NULL
  AND EXISTS (SELECT FROM dataset_versions WHERE dataset_id = @dataset AND version = @version AND status = 'processing')`
	finishVersion = `
UPDATE dataset_versions SET status = @outcome, profiled_at = clock_timestamp(), failure = @failure,
       table_name = @table, table_bytes = @bytes, row_count = @rows, columns = @columns
WHERE dataset_id = @dataset AND version = @version AND status = 'processing' RETURNING uploaded_by`
)

// errNotProcessing: the version was finished at the same time.
var errNotProcessing = errors.New("the version is not being processed")

// Finish writes the outcome of a version's profiling, and has whoever uploaded it told of
// a failure. false: the data set was deleted in the meantime, or the version has an outcome.
func Finish(ctx context.Context, tx *outbox.Tx, id uuid.UUID, number int, o Outcome) (bool, error) {
	columns, err := o.columns(id, number)
	if err != nil {
		return false, err
	}
	updated, err := tx.Exec(ctx, finishDataset, columns)
	if err != nil {
		return false, fmt.Errorf("update data set: %w", err)
	}
	if updated.RowsAffected() == 0 {
		return false, nil
	}
	var uploader uuid.UUID
	err = tx.QueryRow(ctx, finishVersion, columns).Scan(&uploader)
	if database.IsNoRows(err) {
		return false, errNotProcessing
	}
	if err != nil {
		return false, fmt.Errorf("update version: %w", err)
	}
	if o.Table != nil {
		if err := o.Table.Adopt(ctx, tx); err != nil {
			return false, err
		}
	}
	state, err := dataset.State(ctx, tx, id)
	if err != nil {
		return false, err
	}
	if o.Failure == "" {
		return true, tx.Publish(ctx, events.DatasetReady{Dataset: state})
	}
	if err := tx.Publish(ctx, events.DatasetFailed{Dataset: state}); err != nil {
		return false, err
	}
	return true, tx.Publish(ctx, events.NoticeRequested{
		OrganizationID: state.OrganizationID, UserID: uploader, Notice: "dataset_failed",
		Params: map[string]string{"dataset_id": id.String(), "version": strconv.Itoa(number)},
	})
}

// Status is the version's status after this outcome.
func (o Outcome) Status() string {
	if o.Failure != "" {
		return dataset.Failed
	}
	return dataset.Ready
}

func (o Outcome) columns(id uuid.UUID, number int) (pgx.NamedArgs, error) {
	args := pgx.NamedArgs{"dataset": id, "version": number, "outcome": o.Status()}
	if o.Failure != "" {
		args["failure"] = o.Failure
		return args, nil
	}
	columns, err := json.Marshal(o.Profile.Columns)
	if err != nil {
		return nil, fmt.Errorf("encode profile: %w", err)
	}
	args["table"], args["bytes"], args["rows"], args["columns"] = o.Table.Name, o.Table.StoredBytes(), o.Profile.Rows, json.RawMessage(columns)
	return args, nil
}
