// Package version receives the uploaded versions of a data set, prepares them for queries, and
// finishes them as ready, blocked by their contract, or failed.
package version

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/staging"
	"function/shared/database"
	"function/shared/distribution"
	"function/shared/events"
	"function/shared/ingest"
	"function/shared/ingest/invalid"
	"function/shared/lineage"
	"function/shared/outbox"
	"function/shared/personaldata"
	"function/shared/quality"
)

// Outcome is the result of profiling a version.
type Outcome struct {
	Failure   string          // a sentence; empty: the version is ready
	Twin      int             // the version whose table and profile it shares; zero: none
	Inherited []int           // versions whose tables hold the first rows
	Table     *staging.Object // holds the other rows
	Profile   *ingest.Profile // of all rows
	Edges     []lineage.Edge  // of the columns of a derived version

	Distribution *distribution.Distribution // of all rows
	Personal     []personaldata.Finding

	Inspection *Inspection // by the data set's contract; nil: it has none
}

// Discard discards the objects that no version has adopted.
func (o Outcome) Discard(ctx context.Context) {
	o.Table.Discard(ctx)
	if o.Inspection != nil && o.Inspection.failing != nil {
		o.Inspection.failing.object.Discard(ctx)
	}
}

const (
	// An older version may be finished after a newer one. It then changes neither the status, which
	// belongs to the newest version of main, nor a later ready version.
	finishDataset = `
UPDATE datasets SET ready_version = CASE WHEN @outcome = 'ready' AND v.branch = 'main' THEN greatest(ready_version, @version) ELSE ready_version END,
       status = CASE WHEN NOT EXISTS (SELECT FROM dataset_versions WHERE dataset_id = @dataset AND branch = 'main' AND version > @version) AND v.branch = 'main' THEN @outcome ELSE datasets.status END, ` + dataset.SetChangedAt + `
FROM dataset_versions v
WHERE id = @dataset AND deleted_at IS NULL AND v.dataset_id = @dataset AND v.version = @version AND v.status = 'processing'`
	finishVersion = `
UPDATE dataset_versions SET status = @outcome, profiled_at = clock_timestamp(), failure = @failure,
       table_name = @table, table_bytes = @bytes, row_count = @rows, columns = @columns, distribution = @distribution, detected = @detected, prepared_by = @revision,
       inherited = coalesce(@inherited::int[], '{}'), base_version = CASE WHEN @outcome IN ('ready', 'blocked') THEN head_of(@dataset, branch, @version) END
WHERE dataset_id = @dataset AND version = @version AND status = 'processing' RETURNING uploaded_by, branch`
)

// errNotProcessing is returned when the version was finished concurrently, or its twin has expired.
var errNotProcessing = errors.New("the version is not being processed, or the version with the same file has expired")

// Finish records the outcome of a version's profiling and, on failure, requests a notice to the
// person who uploaded it. It returns false if the data set was deleted in the meantime or the
// version already has an outcome.
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
	var branch string
	finish := finishVersion
	if o.Twin > 0 {
		finish = finishLikeTwin
	}
	err = tx.QueryRow(ctx, finish, columns).Scan(&uploader, &branch)
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
	if err := recordPersonal(ctx, tx, id, o.Personal); err != nil {
		return false, err
	}
	if err := recordLineage(ctx, tx, id, number, o.Edges); err != nil {
		return false, err
	}
	if o.Inspection != nil {
		if err := o.Inspection.record(ctx, tx, id, number, uploader); err != nil {
			return false, err
		}
	}
	if err := Start(ctx, tx, id, branch); err != nil {
		return false, err
	}
	state, err := dataset.State(ctx, tx, id)
	if err != nil {
		return false, err
	}
	status := o.Status()
	if status == dataset.Ready {
		return true, tx.Publish(ctx, events.DatasetReady{Dataset: state})
	}
	if err := tx.Publish(ctx, events.DatasetFailed{Dataset: state}); err != nil {
		return false, err
	}
	return true, tx.Publish(ctx, events.NoticeRequested{
		OrganizationID: state.OrganizationID, UserID: uploader, Notice: "dataset_" + status,
		Params: map[string]string{"dataset_id": id.String(), "version": strconv.Itoa(number)},
	})
}

// Status returns the status of the version after this outcome.
func (o Outcome) Status() string {
	if o.Failure != "" {
		return dataset.Failed
	}
	if o.blocked() != "" {
		return dataset.Blocked
	}
	return dataset.Ready
}

// blocked says why the contract blocks the version, or is empty.
func (o Outcome) blocked() string {
	if o.Inspection == nil {
		return ""
	}
	return Sentence(&invalid.Error{Detail: quality.Blocked(o.Inspection.Results)})
}

func (o Outcome) columns(id uuid.UUID, number int) (pgx.NamedArgs, error) {
	args := pgx.NamedArgs{"dataset": id, "version": number, "outcome": o.Status(), "inherited": o.Inherited, "twin": o.Twin, "revision": ingest.Revision}
	if reason := cmp.Or(o.Failure, o.blocked()); reason != "" {
		args["failure"] = reason
	}
	if o.Failure != "" || o.Twin > 0 {
		return args, nil
	}
	columns, err := json.Marshal(o.Profile.Columns)
	if err != nil {
		return nil, fmt.Errorf("encode profile: %w", err)
	}
	described, err := json.Marshal(o.Distribution)
	if err != nil {
		return nil, fmt.Errorf("encode distribution: %w", err)
	}
	args["distribution"] = json.RawMessage(described)
	args["detected"] = o.Profile.Detected
	args["table"], args["bytes"], args["rows"], args["columns"] = o.Table.Name, o.Table.StoredBytes(), o.Profile.Rows, json.RawMessage(columns)
	return args, nil
}
