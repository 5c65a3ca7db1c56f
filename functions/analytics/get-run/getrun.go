// Package getrun returns one run of a report with its rows and chart: GET
// /v1/analytics/reports/{id}/runs/{run}.
package getrun

import (
	"context"

	"github.com/google/uuid"

	"function/functions/analytics/internal/report"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Get("analytics-get-run", "/v1/analytics/reports/{id}/runs/{run}", "Show a run with its rows", policy.ReportsRead), New).
	Uses(function.Owns(database.Analytics))

// Request identifies the report and the run.
type Request struct {
	ID  uuid.UUID `path:"id" format:"uuid"`
	Run uuid.UUID `path:"run" format:"uuid"`
}

// Response is the run.
type Response struct{ Body report.RunResult }

// Function returns runs.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Analytics)
	return &Function{db: db}, err
}

const selectRun = `
SELECT ` + report.RunResultColumns + ` FROM report_runs
WHERE id = $1 AND report_id = $2 AND organization_id = $3`

// Handle returns a run of the caller's organization.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	run, err := database.One[report.RunResult](ctx, f.db, report.ErrNoRun, selectRun, in.Run, in.ID, caller.OrganizationID)
	if err != nil {
		return nil, err
	}
	return &Response{Body: run}, nil
}
