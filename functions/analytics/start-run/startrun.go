// Package startrun queues a run of a report: POST /v1/analytics/reports/{id}/run.
package startrun

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"function/functions/analytics/internal/report"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/uuid7"
)

// Service declares the function.
var Service = function.Endpoint(function.Post("analytics-start-run", "/v1/analytics/reports/{id}/run", "Run a report now", policy.ReportsWrite).
	Status(http.StatusAccepted).
	Describe("The run is queued; GET /v1/analytics/reports/{id}/runs/{run} shows its status and result."), New).
	Uses(function.Owns(database.Analytics))

// Request identifies the report.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// Response is the queued run.
type Response struct{ Body report.Run }

// Function queues runs.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Analytics)
	return &Function{db: db}, err
}

const insertRun = `
INSERT INTO report_runs (id, report_id, organization_id, status)
SELECT $1, id, organization_id, 'queued' FROM reports WHERE id = $2 AND organization_id = $3
RETURNING ` + report.RunColumns

// Handle queues a run of a report of the caller's organization.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	id := uuid7.New()
	var run report.Run
	entry := audit.Entry{Action: "reports:run", ResourceID: in.ID.String(), Detail: map[string]any{"run": id}}
	err = act.Do(ctx, f.db, entry, func(tx *outbox.Tx, _ *audit.Entry) (err error) {
		run, err = database.One[report.Run](ctx, tx, report.ErrNoReport, insertRun, id, in.ID, caller.OrganizationID)
		if err != nil {
			return err
		}
		return report.RequestRun(ctx, tx, caller.OrganizationID, in.ID, id)
	})
	if err != nil {
		return nil, fmt.Errorf("queue run: %w", err)
	}
	return &Response{Body: run}, nil
}
