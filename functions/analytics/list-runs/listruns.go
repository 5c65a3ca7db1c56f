// Package listruns lists the runs of a report: GET /v1/analytics/reports/{id}/runs.
package listruns

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/analytics"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/function"
	"function/shared/page"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Get("analytics-list-runs", "/v1/analytics/reports/{id}/runs", "List a report's runs", policy.ReportsRead), New).
	Uses(function.Owns(database.Analytics))

// Request names the report and asks for a page.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
	page.Query
}

// Response is the page.
type Response struct{ Body page.Page[analytics.Run] }

// Function lists runs.
type Function struct{ analytics.Store }

// New opens the runs.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := analytics.Open(ctx, env)
	return &Function{store}, err
}

const (
	reportExists = `SELECT EXISTS (SELECT FROM reports WHERE id = $1 AND organization_id = $2)`
	selectRuns   = `
SELECT ` + analytics.RunColumns + ` FROM report_runs
WHERE report_id = $1 AND organization_id = $2 AND id < $3 ORDER BY id DESC LIMIT $4`
)

// Handle lists the runs of a report of the caller's organization.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	before, err := in.Before()
	if err != nil {
		return nil, err
	}
	var exists bool
	if err := f.DB.QueryRow(ctx, reportExists, in.ID, caller.OrganizationID).Scan(&exists); err != nil {
		return nil, fmt.Errorf("look for report: %w", err)
	}
	if !exists {
		return nil, analytics.ErrNoReport
	}
	rows, _ := f.DB.Query(ctx, selectRuns, in.ID, caller.OrganizationID, before, in.Fetch())
	runs, err := pgx.CollectRows(rows, pgx.RowToStructByName[analytics.Run])
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	return &Response{Body: page.Of(in.Query, runs, func(r analytics.Run) uuid.UUID { return r.ID })}, nil
}
