// Package listruns lists the runs of a report: GET /v1/analytics/reports/{id}/runs.
package listruns

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
	"function/shared/page"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Get("analytics-list-runs", "/v1/analytics/reports/{id}/runs", "List the runs of a report", policy.ReportsRead), New).
	Uses(function.Owns(database.Analytics))

// Request identifies the report and selects one page.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
	page.Query
}

// Response is one page of runs.
type Response struct{ Body page.Page[report.Run] }

// Function lists runs.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Analytics)
	return &Function{db: db}, err
}

const (
	reportExists = `SELECT EXISTS (SELECT FROM reports WHERE id = $1 AND organization_id = $2)`
	selectRuns   = `
SELECT ` + report.RunColumns + ` FROM report_runs
WHERE report_id = @report AND organization_id = @organization AND id < @before ORDER BY id DESC LIMIT @limit`
)

// Handle lists the runs of a report of the caller's organization.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	var exists bool
	if err := f.db.QueryRow(ctx, reportExists, in.ID, caller.OrganizationID).Scan(&exists); err != nil {
		return nil, fmt.Errorf("look for report: %w", err)
	}
	if !exists {
		return nil, report.ErrNoReport
	}
	runs, err := page.List(ctx, f.db, in.Query, func(r report.Run) uuid.UUID { return r.ID }, selectRuns, pgx.NamedArgs{"report": in.ID, "organization": caller.OrganizationID})
	return &Response{Body: runs}, err
}
