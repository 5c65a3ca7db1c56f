// Package deletereport deletes a report and its runs:
// DELETE /v1/analytics/reports/{id}.
package deletereport

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/functions/analytics"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Delete("analytics-delete-report", "/v1/analytics/reports/{id}", "Delete a report and its runs", policy.ReportsWrite), New).
	Uses(function.Owns(database.Analytics))

// Request names the report.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// Function deletes reports.
type Function struct{ analytics.Store }

// New opens the reports.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := analytics.Open(ctx, env)
	return &Function{store}, err
}

// Handle deletes a report of the caller's organization.
func (f *Function) Handle(ctx context.Context, in *Request) (*struct{}, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	err = f.DB.Transact(ctx, func(tx *outbox.Tx) error {
		return analytics.DeleteReport(ctx, tx, caller.OrganizationID, in.ID)
	})
	if err != nil {
		return nil, fmt.Errorf("delete report: %w", err)
	}
	return nil, nil
}
