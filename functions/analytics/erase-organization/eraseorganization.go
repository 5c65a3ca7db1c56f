// Package eraseorganization deletes what analytics holds of an organization that is
// gone: its reports with their runs, and what SQL saw of the other domains. It runs when
// the users domain has deleted the organization for good.
package eraseorganization

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"function/functions/analytics/internal/report"
	"function/shared/audit"
	"function/shared/database"
	"function/shared/erasure"
	"function/shared/events"
	"function/shared/function"
	"function/shared/outbox"
)

// Service declares the function.
var Service = function.Subscriber("analytics-erase-organization", New).
	Uses(function.Owns(database.Analytics))

// Function erases organizations.
type Function struct{ db *outbox.DB }

// New opens the reports and the projections.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Analytics)
	return &Function{db: db}, err
}

const (
	selectReport = `SELECT id FROM reports WHERE organization_id = $1 ORDER BY id LIMIT 1`
	deleteRuns   = `DELETE FROM report_runs WHERE id IN (SELECT id FROM report_runs WHERE report_id = $1 ORDER BY id LIMIT 500 FOR UPDATE)`
	deleteUsers  = `
DELETE FROM projections.users WHERE organization_id = $1 AND id IN (
    SELECT id FROM projections.users WHERE organization_id = $1 ORDER BY id LIMIT 5000 FOR UPDATE)`
	deleteLogins = `
DELETE FROM projections.logins WHERE id IN (
    SELECT id FROM projections.logins WHERE organization_id = $1 ORDER BY logged_in_at, id LIMIT 5000 FOR UPDATE)`
	deleteDatasets = `
DELETE FROM projections.datasets WHERE id IN (
    SELECT id FROM projections.datasets WHERE organization_id = $1 ORDER BY id LIMIT 5000 FOR UPDATE)`
)

// Handle deletes a bounded part in each transaction. What was begun is completed by
// the event's next delivery.
func (f *Function) Handle(ctx context.Context, e events.Received[events.OrganizationDeleted]) error {
	organization := e.Data.OrganizationID
	if err := erasure.Begin(ctx, f.db, e.Data); err != nil {
		return err
	}
	for {
		var id uuid.UUID
		err := f.db.QueryRow(ctx, selectReport, organization).Scan(&id)
		if database.IsNoRows(err) {
			break
		}
		if err != nil {
			return fmt.Errorf("look for reports: %w", err)
		}
		if err := f.deleteReport(ctx, organization, id); err != nil {
			return fmt.Errorf("delete report: %w", err)
		}
	}
	for _, statement := range []string{deleteUsers, deleteLogins, deleteDatasets} {
		if err := erasure.InSteps(ctx, f.db, statement, organization); err != nil {
			return fmt.Errorf("delete projections of organization: %w", err)
		}
	}
	return nil
}

// deleteReport deletes a report whose runs may be many: most of them before it.
func (f *Function) deleteReport(ctx context.Context, organization, id uuid.UUID) error {
	if err := erasure.InSteps(ctx, f.db, deleteRuns, id); err != nil {
		return err
	}
	err := f.db.Transact(ctx, func(tx *outbox.Tx) error {
		if err := report.Delete(ctx, tx, organization, id); err != nil {
			return err
		}
		return audit.Record(ctx, tx, report.Deletion(organization, id))
	})
	if errors.Is(err, report.ErrNoReport) {
		return nil // another delivery has deleted it
	}
	return err
}
