// Package retry profiles a failed or blocked version again: POST /v1/datasets/{id}/versions/{version}/retry.
package retry

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"function/functions/datasets/internal/archival"
	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/staging"
	"function/functions/datasets/internal/version"
	"function/shared/access"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Post("datasets-retry", "/v1/datasets/{id}/versions/{version}/retry", "Retry a failed or blocked version", policy.DatasetsWrite).
	Status(http.StatusAccepted).Fails(fault.Conflict).
	Describe("For a version that failed although its file is good, for example because of an outage. The file is read again as it was uploaded: "+
		"a file that cannot be read fails again, so upload a corrected file instead. A version that its contract blocks is checked again, by the newest contract."), New).
	Uses(function.Owns(database.Datasets))

// Request identifies the version.
type Request struct {
	ID      uuid.UUID `path:"id" format:"uuid"`
	Version int       `path:"version" minimum:"1" maximum:"2147483647"`
}

// Response is the version's new state.
type Response struct {
	Body struct {
		DatasetID uuid.UUID `json:"dataset_id" format:"uuid"`
		Version   int       `json:"version"`
		Status    string    `json:"status" enum:"processing"`
	}
}

// Function retries versions.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

const (
	reopenDataset = `
UPDATE datasets d SET status = CASE (` + dataset.NewestNumber + `) WHEN $2 THEN 'processing' ELSE status END, ` + dataset.SetChangedAt + `
WHERE id = $1 AND deleted_at IS NULL`
	// A blocked version has a table.
	reopenVersion = `
WITH old AS (
    SELECT v.table_name, d.storage_type FROM dataset_versions v JOIN datasets d ON d.id = v.dataset_id
    WHERE v.dataset_id = $1 AND v.version = $2 AND v.status IN ('failed', 'blocked') FOR UPDATE OF v)
UPDATE dataset_versions v SET status = 'processing', failure = NULL, profiled_at = NULL, table_name = NULL, table_bytes = NULL, inherited = '{}', base_version = NULL
FROM old WHERE v.dataset_id = $1 AND v.version = $2 RETURNING v.branch, coalesce(old.table_name, ''), old.storage_type`
	// A later version that changed the rows of the branch did so without those of this version.
	selectLater = `
SELECT min(version) FROM dataset_versions
WHERE dataset_id = $1 AND branch = $2 AND version > $3 AND status NOT IN ('failed', 'blocked') AND operation IN ('append', 'upsert', 'delete', 'merge')`
	selectVersion = `SELECT status FROM dataset_versions WHERE dataset_id = $1 AND version = $2`
)

// Handle sets the version back to processing and enqueues its profiling job.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	out := &Response{}
	out.Body.DatasetID, out.Body.Version, out.Body.Status = in.ID, in.Version, dataset.Processing
	entry := audit.Entry{Action: "datasets:retry", ResourceID: in.ID.String(), Detail: map[string]any{"version": in.Version}}
	err = act.Do(ctx, f.db, entry, func(tx *outbox.Tx, _ *audit.Entry) error {
		return reopen(ctx, tx, access.Of(caller), in.ID, in.Version)
	})
	if err != nil {
		return nil, fmt.Errorf("retry version: %w", err)
	}
	return out, nil
}

func reopen(ctx context.Context, tx *outbox.Tx, r access.Reader, id uuid.UUID, number int) error {
	if err := dataset.Lock(ctx, tx, id, r); err != nil {
		return err
	}
	reopened, err := tx.Exec(ctx, reopenDataset, id, number)
	if err != nil {
		return fmt.Errorf("reopen data set: %w", err)
	}
	if reopened.RowsAffected() == 0 {
		return dataset.ErrNotFound
	}
	var branch, table, storageType string
	err = tx.QueryRow(ctx, reopenVersion, id, number).Scan(&branch, &table, &storageType)
	if database.IsNoRows(err) {
		return refusal(ctx, tx, id, number)
	}
	if err != nil {
		return fmt.Errorf("reopen version: %w", err)
	}
	if table != "" {
		if err := staging.Release(ctx, tx, storageType, []string{table}); err != nil {
			return err
		}
	}
	var later *int
	if err := tx.QueryRow(ctx, selectLater, id, branch, number).Scan(&later); err != nil {
		return fmt.Errorf("look for later versions: %w", err)
	}
	if later != nil {
		return fault.New(fault.Conflict, "Version %d has changed the rows of this branch since: upload the file of version %d again instead", *later, number)
	}
	if err := archival.CheckInputs(ctx, tx, id, number); err != nil {
		return err
	}
	if err := version.Start(ctx, tx, id, branch); err != nil {
		return err
	}
	state, err := dataset.State(ctx, tx, id)
	if err != nil {
		return err
	}
	return tx.Publish(ctx, events.DatasetRetried{Dataset: state})
}

func refusal(ctx context.Context, tx *outbox.Tx, id uuid.UUID, version int) error {
	var status string
	err := tx.QueryRow(ctx, selectVersion, id, version).Scan(&status)
	switch {
	case database.IsNoRows(err):
		return fault.New(fault.NotFound, "This data set has no version %d", version)
	case err != nil:
		return fmt.Errorf("look up version: %w", err)
	}
	return fault.New(fault.Conflict, "Version %d is %s. Only a failed or blocked version can be retried.", version, status)
}
