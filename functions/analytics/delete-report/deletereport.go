// Package deletereport deletes a report and its runs: DELETE /v1/analytics/reports/{id}.
package deletereport

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/functions/analytics/internal/report"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Delete("analytics-delete-report", "/v1/analytics/reports/{id}", "Delete a report and its runs", policy.ReportsWrite), New).
	Uses(function.Owns(database.Analytics))

// Request identifies the report.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// Function deletes reports.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Analytics)
	return &Function{db: db}, err
}

// Handle deletes a report of the caller's organization.
func (f *Function) Handle(ctx context.Context, in *Request) (*struct{}, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	err = act.Do(ctx, f.db, report.Deletion(caller.OrganizationID, in.ID), func(tx *outbox.Tx, _ *audit.Entry) error {
		return report.Delete(ctx, tx, caller.OrganizationID, in.ID)
	})
	if err != nil {
		return nil, fmt.Errorf("delete report: %w", err)
	}
	return nil, nil
}
