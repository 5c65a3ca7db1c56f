// Package listreports lists the organization's reports: GET /v1/analytics/reports.
package listreports

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
var Service = function.Endpoint(function.Get("analytics-list-reports", "/v1/analytics/reports", "List your reports", policy.ReportsRead), New).
	Uses(function.Owns(database.Analytics))

// Request asks for a page.
type Request struct{ page.Query }

// Response is the page.
type Response struct{ Body page.Page[analytics.Report] }

// Function lists reports.
type Function struct{ analytics.Store }

// New opens the reports.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := analytics.Open(ctx, env)
	return &Function{store}, err
}

const selectReports = `
SELECT ` + analytics.ReportColumns + ` FROM reports
WHERE organization_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3`

// Handle lists the reports of the caller's organization.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	before, err := in.Before()
	if err != nil {
		return nil, err
	}
	rows, _ := f.DB.Query(ctx, selectReports, caller.OrganizationID, before, in.Fetch())
	reports, err := pgx.CollectRows(rows, pgx.RowToStructByName[analytics.Report])
	if err != nil {
		return nil, fmt.Errorf("list reports: %w", err)
	}
	for i := range reports {
		reports[i] = analytics.Planned(reports[i])
	}
	return &Response{Body: page.Of(in.Query, reports, func(r analytics.Report) uuid.UUID { return r.ID })}, nil
}
