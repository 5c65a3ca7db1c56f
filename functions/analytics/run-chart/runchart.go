// Package runchart returns the chart of a run as an SVG image: GET
// /v1/analytics/reports/{id}/runs/{run}/chart.
package runchart

import (
	"context"
	"fmt"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/analytics/internal/report"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

const mediaType = "image/svg+xml"

// Service declares the function.
var Service = function.Endpoint(function.Get("analytics-run-chart", "/v1/analytics/reports/{id}/runs/{run}/chart", "Show a run's chart", policy.ReportsRead).
	Answers(map[string]*huma.Response{"200": {
		Description: "The chart",
		Content:     map[string]*huma.MediaType{mediaType: {Schema: &huma.Schema{Type: huma.TypeString}}},
	}}), New).
	Uses(function.Owns(database.Analytics))

// Request identifies the report and the run.
type Request struct {
	ID  uuid.UUID `path:"id" format:"uuid"`
	Run uuid.UUID `path:"run" format:"uuid"`
}

// Response is the image. Its policy keeps a browser from running scripts in it or loading
// anything (CSP Level 3).
type Response struct {
	ContentType string `header:"Content-Type"`
	Policy      string `header:"Content-Security-Policy"`
	Body        []byte
}

// Function returns charts.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Analytics)
	return &Function{db: db}, err
}

const selectChart = `
SELECT coalesce(chart, '') FROM report_runs WHERE id = $1 AND report_id = $2 AND organization_id = $3`

// Handle returns the chart of a run of the caller's organization.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	var chart []byte
	err = f.db.QueryRow(ctx, selectChart, in.Run, in.ID, caller.OrganizationID).Scan(&chart)
	switch {
	case database.IsNoRows(err):
		return nil, report.ErrNoRun
	case err != nil:
		return nil, fmt.Errorf("read chart: %w", err)
	case len(chart) == 0:
		return nil, fault.New(fault.NotFound, "This run has no chart: it is not finished, it failed, or its report shows a table")
	}
	return &Response{ContentType: mediaType, Policy: "default-src 'none'; style-src 'unsafe-inline'; sandbox", Body: chart}, nil
}
