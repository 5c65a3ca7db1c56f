// Package listreports lists the organization's reports: GET /v1/analytics/reports.
package listreports

import (
	"context"

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
var Service = function.Endpoint(function.Get("analytics-list-reports", "/v1/analytics/reports", "List the reports of your organization", policy.ReportsRead), New).
	Uses(function.Owns(database.Analytics))

// Request selects one page.
type Request struct{ page.Query }

// Response is one page of reports.
type Response struct{ Body page.Page[report.Report] }

// Function lists reports.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Analytics)
	return &Function{db: db}, err
}

const selectReports = `
SELECT ` + report.Columns + ` FROM reports
WHERE organization_id = @organization AND id < @before ORDER BY id DESC LIMIT @limit`

// Handle lists the reports of the caller's organization.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	reports, err := page.List(ctx, f.db, in.Query, func(r report.Report) uuid.UUID { return r.ID }, selectReports, pgx.NamedArgs{"organization": caller.OrganizationID})
	for i := range reports.Items {
		reports.Items[i] = report.WithNextRuns(reports.Items[i])
	}
	return &Response{Body: reports}, err
}
