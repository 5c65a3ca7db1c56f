// Package getreport returns one report: GET /v1/analytics/reports/{id}.
package getreport

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
var Service = function.Endpoint(function.Get("analytics-get-report", "/v1/analytics/reports/{id}", "Show a report", policy.ReportsRead), New).
	Uses(function.Owns(database.Analytics))

// Request identifies the report.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// Response is the report.
type Response struct{ Body report.Report }

// Function returns reports.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Analytics)
	return &Function{db: db}, err
}

const selectReport = `SELECT ` + report.Columns + ` FROM reports WHERE id = $1 AND organization_id = $2`

// Handle returns a report of the caller's organization.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	stored, err := database.One[report.Report](ctx, f.db, report.ErrNoReport, selectReport, in.ID, caller.OrganizationID)
	if err != nil {
		return nil, err
	}
	return &Response{Body: report.WithNextRuns(stored)}, nil
}
