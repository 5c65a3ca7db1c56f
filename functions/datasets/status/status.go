// Package status reports the processing status of all the organization's data sets, and of a
// single one: GET /v1/datasets/status and GET /v1/datasets/{id}/status.
package status

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/profiling"
	"function/shared/access"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Service("datasets-status", New,
	function.On(function.Get("datasets-status", "/v1/datasets/status", "Count the data sets by status and list those being processed", policy.DatasetsRead), (*Function).Handle),
	function.On(function.Get("datasets-get-status", "/v1/datasets/{id}/status", "Show the status of a data set's newest version", policy.DatasetsRead), (*Function).Get)).
	Uses(function.Owns(database.Datasets))

// Counts is the number of data sets in each state.
type Counts struct {
	Draft      int64 `json:"draft"`
	Processing int64 `json:"processing"`
	Ready      int64 `json:"ready"`
	Failed     int64 `json:"failed"`
	Blocked    int64 `json:"blocked"`
}

// ProcessingDataset is a data set whose newest version is being processed.
type ProcessingDataset struct {
	ID       uuid.UUID           `json:"id" format:"uuid"`
	Name     string              `json:"name"`
	Version  int                 `json:"version"`
	Progress *profiling.Progress `json:"progress,omitempty" doc:"Absent while the version is queued"`
}

// Response is the status of the organization's data sets.
type Response struct {
	Body struct {
		Counts     Counts              `json:"counts"`
		Processing []ProcessingDataset `json:"processing" nullable:"false" doc:"Newest first, at most 200"`
	}
}

// Function reports the status of data sets.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

const (
	countDatasets = `
SELECT count(*) FILTER (WHERE status = 'draft') AS draft, count(*) FILTER (WHERE status = 'processing') AS processing,
       count(*) FILTER (WHERE status = 'ready') AS ready, count(*) FILTER (WHERE status = 'failed') AS failed,
       count(*) FILTER (WHERE status = 'blocked') AS blocked
FROM datasets d WHERE organization_id = $1 AND may_read(d, $2) AND deleted_at IS NULL`
	selectProcessing = `
SELECT d.id, d.name, v.version, ` + profiling.SelectProgress + `
FROM datasets d CROSS JOIN LATERAL (` + dataset.Newest + `) v
WHERE d.organization_id = $1 AND may_read(d, $2) AND d.deleted_at IS NULL AND d.status = 'processing'
ORDER BY d.id DESC LIMIT 200`
)

// Handle counts the data sets in each state and lists those being processed.
func (f *Function) Handle(ctx context.Context, _ *struct{}) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	out := &Response{}
	if out.Body.Counts, err = database.One[Counts](ctx, f.db, pgx.ErrNoRows, countDatasets, caller.OrganizationID, access.Of(caller)); err != nil {
		return nil, fmt.Errorf("count data sets: %w", err)
	}
	rows, _ := f.db.Query(ctx, selectProcessing, caller.OrganizationID, access.Of(caller))
	if out.Body.Processing, err = pgx.CollectRows(rows, pgx.RowToStructByName[ProcessingDataset]); err != nil {
		return nil, fmt.Errorf("list data sets being processed: %w", err)
	}
	return out, nil
}
