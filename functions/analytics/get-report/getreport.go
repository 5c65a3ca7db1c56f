// Package getreport reads one report: GET /v1/analytics/reports/{id}.
package getreport

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/analytics/internal/report"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
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
type Response struct{ Body report.Report }

// Function reads reports.
type Function struct{ db *outbox.DB }

// New opens the reports.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Analytics)
	return &Function{db: db}, err
}

const selectReport = `SELECT ` + report.Columns + ` FROM reports WHERE id = $1 AND organization_id = $2`

// Handle reads a report of the caller's organization.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	rows, _ := f.db.Query(ctx, selectReport, in.ID, caller.OrganizationID)
	kept, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[report.Report])
	if database.IsNoRows(err) {
		return nil, report.ErrNoReport
	}
	if err != nil {
		return nil, fmt.Errorf("read report: %w", err)
	}
	return &Response{Body: report.Planned(kept)}, nil
}
