package datasets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/engine"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/job"
	"function/shared/outbox"
)

// ProfileKind is the kind of the jobs that profile versions: the function that does.
const ProfileKind = "datasets-profile"

// ProfileSpec is the job that profiles a version.
func ProfileSpec(dataset uuid.UUID, version int) job.Spec {
	return job.Spec{Kind: ProfileKind, Key: dataset.String() + "/" + strconv.Itoa(version)}
}

// VersionOf is the version that a job of ProfileKind profiles, by its key.
func VersionOf(key string) (dataset uuid.UUID, version int, err error) {
	id, number, _ := strings.Cut(key, "/")
	if dataset, err = uuid.Parse(id); err == nil {
		version, err = strconv.Atoi(number)
	}
	if err != nil {
		err = fault.New(fault.Invalid, "The key of this job names no version of a data set").Because(err)
	}
	return dataset, version, err
}

// RequestProfile enqueues the job that profiles a version.
func RequestProfile(ctx context.Context, tx *outbox.Tx, organization, dataset uuid.UUID, version int) error {
	return job.Enqueue(ctx, tx, ProfileSpec(dataset, version),
		events.ProfileRequested{DatasetID: dataset, OrganizationID: organization, Version: version})
}

// Outcome is how the profiling of a version has ended.
type Outcome struct {
	Failure string // a sentence; empty: the version is ready
	Table   *Staged
	Profile *engine.Profile
}

const (
	// An older version's profile may come after a newer one's: it changes neither
	// the status, which is the newest version's, nor a later ready version.
	finishDataset = `
UPDATE datasets SET ready_version = CASE @outcome WHEN 'ready' THEN greatest(ready_version, @version) ELSE ready_version END,
       status = CASE newest_version WHEN @version THEN @outcome ELSE status END, ` + Changed + `
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
// a failure. false: the data set was deleted in
// the meantime, or the version has an outcome.
func Finish(ctx context.Context, tx *outbox.Tx, dataset uuid.UUID, version int, o Outcome) (bool, error) {
	columns, err := o.columns(dataset, version)
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
	state, err := State(ctx, tx, dataset)
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
		Params: map[string]string{"dataset_id": dataset.String(), "version": strconv.Itoa(version)},
	})
}

// Status is the version's status after this outcome.
func (o Outcome) Status() string {
	if o.Failure != "" {
		return Failed
	}
	return Ready
}

func (o Outcome) columns(dataset uuid.UUID, version int) (pgx.NamedArgs, error) {
	args := pgx.NamedArgs{"dataset": dataset, "version": version, "outcome": o.Status()}
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
