// Package undelete brings a deleted data set back with all its versions, until it is disposed of:
// POST /v1/datasets/{id}/undelete.
package undelete

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
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
var Service = function.Endpoint(function.Post("datasets-undelete", "/v1/datasets/{id}/undelete", "Bring a deleted data set back", policy.DatasetsWrite).
	Fails(fault.Conflict).
	Describe("Possible until the retention policy for deleted data sets destroys it. `GET /v1/datasets?deleted=true` lists the data sets that can be brought back."), New).
	Uses(function.Owns(database.Datasets))

// Request identifies the data set.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// Response is the data set's state.
type Response struct {
	Body struct {
		DatasetID uuid.UUID `json:"dataset_id" format:"uuid"`
		Name      string    `json:"name"`
		Status    string    `json:"status" enum:"draft,processing,ready,failed,blocked"`
	}
}

// Function undeletes data sets.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

const (
	restoreDataset = `
UPDATE datasets d SET deleted_at = NULL, ` + dataset.SetChangedAt + `
WHERE id = $1 AND may_change(d, $2) AND deleted_at IS NOT NULL AND disposal_began_at IS NULL
  AND NOT EXISTS (SELECT FROM datasets source WHERE source.id = d.quality_of AND source.deleted_at IS NOT NULL)`
	// The rows that failed last, if they were deleted with the data set and their name is free.
	restoreFailures = `
UPDATE datasets f SET deleted_at = NULL, ` + dataset.SetChangedAt + `
WHERE f.id = (SELECT id FROM datasets WHERE quality_of = $1 AND deleted_at IS NOT NULL AND disposal_began_at IS NULL ORDER BY deleted_at DESC LIMIT 1)
  AND NOT EXISTS (SELECT FROM datasets t WHERE t.organization_id = f.organization_id AND lower(t.name) = lower(f.name) AND t.deleted_at IS NULL)
  AND NOT EXISTS (SELECT FROM datasets t WHERE t.quality_of = $1 AND t.deleted_at IS NULL) RETURNING f.id`
	selectInterrupted = `SELECT DISTINCT branch FROM dataset_versions WHERE dataset_id = $1 AND status = 'processing'`
)

// Handle undeletes the data set and requests the jobs that its deletion cancelled.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	out := &Response{}
	err = act.Do(ctx, f.db, audit.Entry{Action: "datasets:undelete", ResourceID: in.ID.String()}, func(tx *outbox.Tx, _ *audit.Entry) error {
		restored, err := tx.Exec(ctx, restoreDataset, in.ID, access.Of(caller))
		if err != nil {
			return fmt.Errorf("restore data set: %w", err)
		}
		if restored.RowsAffected() == 0 {
			return fault.New(fault.NotFound, "There is no deleted data set with this identifier")
		}
		if err := undeleteFailures(ctx, tx, in.ID); err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, selectInterrupted, in.ID)
		branches, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return fmt.Errorf("list interrupted versions: %w", err)
		}
		for _, branch := range branches {
			if err := version.Start(ctx, tx, in.ID, branch); err != nil {
				return err
			}
		}
		state, err := dataset.State(ctx, tx, in.ID)
		if err != nil {
			return err
		}
		out.Body.DatasetID, out.Body.Name, out.Body.Status = in.ID, state.Name, state.Status
		return tx.Publish(ctx, events.DatasetUndeleted{Dataset: state})
	})
	if err != nil {
		return nil, fmt.Errorf("undelete data set: %w", err)
	}
	return out, nil
}

func undeleteFailures(ctx context.Context, tx *outbox.Tx, source uuid.UUID) error {
	rows, _ := tx.Query(ctx, restoreFailures, source)
	restored, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("restore failing rows: %w", err)
	}
	for _, id := range restored {
		state, err := dataset.State(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := tx.Publish(ctx, events.DatasetUndeleted{Dataset: state}); err != nil {
			return err
		}
	}
	return nil
}
