// Package eraseorganization deletes the analytics data of a deleted organization: its reports
// with their runs, the history of its queries, and its rows in the projections. It runs when the users domain has deleted the
// organization permanently.
package eraseorganization

import (
	"context"

	"github.com/google/uuid"

	"function/functions/analytics/internal/report"
	"function/shared/audit"
	"function/shared/database"
	"function/shared/erasure"
	"function/shared/outbox"
)

// Service declares the function.
var Service = erasure.Organization("analytics-erase-organization", database.Analytics,
	erasure.Statement(deleteRuns), // in batches, because a report may have thousands of runs; unfinished runs go with their report
	erasure.Each(selectReports, deleteReports),
	erasure.Table("public", "queries"),
	erasure.Table("projections", "users"),
	erasure.Table("projections", "logins"),
	erasure.Table("projections", "datasets"),
)

const (
	deleteRuns = `
DELETE FROM report_runs WHERE id = ANY (ARRAY (
    SELECT run.id FROM reports r JOIN report_runs run ON run.report_id = r.id 
    WHERE r.organization_id = $1 AND run.finished_at IS NOT NULL LIMIT 500 FOR UPDATE OF run))`
	selectReports = `SELECT id FROM reports WHERE organization_id = $1 AND id > $2 ORDER BY id LIMIT 100 FOR UPDATE`
)

func deleteReports(ctx context.Context, tx *outbox.Tx, organization uuid.UUID, reports []uuid.UUID) error {
	for _, id := range reports {
		if err := report.Delete(ctx, tx, organization, id); err != nil {
			return err
		}
		if err := audit.Record(ctx, tx, report.Deletion(organization, id)); err != nil {
			return err
		}
	}
	return nil
}
