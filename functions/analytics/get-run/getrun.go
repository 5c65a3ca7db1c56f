// Package getrun reads one run of a report, with its rows and chart:
// GET /v1/analytics/reports/{id}/runs/{run}.
package getrun

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/analytics"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/function"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Get("analytics-get-run", "/v1/analytics/reports/{id}/runs/{run}", "Read a run and its rows", policy.ReportsRead), New).
	Uses(function.Owns(database.Analytics))

// Request names the report and the run.
type Request struct {
	ID  uuid.UUID `path:"id" format:"uuid"`
	Run uuid.UUID `path:"run" format:"uuid"`
}

// Response is the run.
type Response struct{ Body analytics.RunResult }

// Function reads runs.
type Function struct{ analytics.Store }

// New opens the runs.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := analytics.Open(ctx, env)
	return &Function{store}, err
}

const selectRun = `
SELECT ` + analytics.RunResultColumns + ` FROM report_runs
WHERE id = $1 AND report_id = $2 AND organization_id = $3`

// Handle reads a run of the caller's organization.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	rows, _ := f.DB.Query(ctx, selectRun, in.Run, in.ID, caller.OrganizationID)
	run, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[analytics.RunResult])
	if database.IsNoRows(err) {
		return nil, analytics.ErrNoRun
	}
	if err != nil {
		return nil, fmt.Errorf("read run: %w", err)
	}
	return &Response{Body: run}, nil
}
