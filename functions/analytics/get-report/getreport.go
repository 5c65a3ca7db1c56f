// Package getreport reads one report: GET /v1/analytics/reports/{id}.
package getreport

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
var Service = function.Endpoint(function.Get("analytics-get-report", "/v1/analytics/reports/{id}", "Read a report", policy.ReportsRead), New).
	Uses(function.Owns(database.Analytics))

// Request names the report.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// Response is the report.
type Response struct{ Body analytics.Report }

// Function reads reports.
type Function struct{ analytics.Store }

// New opens the reports.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := analytics.Open(ctx, env)
	return &Function{store}, err
}

const selectReport = `SELECT ` + analytics.ReportColumns + ` FROM reports WHERE id = $1 AND organization_id = $2`

// Handle reads a report of the caller's organization.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	rows, _ := f.DB.Query(ctx, selectReport, in.ID, caller.OrganizationID)
	report, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[analytics.Report])
	if database.IsNoRows(err) {
		return nil, analytics.ErrNoReport
	}
	if err != nil {
		return nil, fmt.Errorf("read report: %w", err)
	}
	return &Response{Body: analytics.Planned(report)}, nil
}
