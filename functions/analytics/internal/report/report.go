// Package report stores reports, their schedules and their runs. A report is a saved query that
// runs on request or on a schedule.
package report

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/analytics/internal/query"
	"function/shared/audit"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/job"
	"function/shared/outbox"
)

// Visualizations that need special treatment.
const (
	Chart = "chart"
	Table = "table"
)

// Report is a saved query that runs on request or on a schedule.
type Report struct {
	ID            uuid.UUID         `json:"id" format:"uuid"`
	Name          string            `json:"name"`
	SQL           string            `json:"query" db:"query"`
	Database      string            `json:"database" enum:"datasets,postgresql"`
	Parameters    []query.Parameter `json:"parameters" nullable:"false"`
	Visualization string            `json:"visualization" enum:"chart,line,bar,area,scatter,table"`
	Schedule      *string           `json:"schedule,omitempty" doc:"Cron expression; absent if the report runs only on request"`
	Timezone      string            `json:"timezone" doc:"IANA time zone of the schedule, and of current_date and now() in the query"`
	NextRunAt     *time.Time        `json:"next_run_at,omitempty"`
	NextRuns      []time.Time       `json:"next_runs,omitempty" db:"-" doc:"The next five due times. A time that daylight saving time skips is due when the skipped period ends; one that occurs twice is due the first time"`
	CreatedBy     uuid.UUID         `json:"created_by" format:"uuid"`
	CreatedAt     time.Time         `json:"created_at"`
}

// Query returns the query that the report runs.
func (r Report) Query() query.Query {
	return query.Query{SQL: r.SQL, Database: r.Database, Parameters: r.Parameters, TimeZone: r.Timezone}
}

// Columns are the columns of a Report.
const Columns = `id, name, query, database, parameters, visualization, schedule, timezone, next_run_at, created_by, created_at`

// ErrNoReport is returned for a report that does not exist or belongs to another organization.
var ErrNoReport = fault.New(fault.NotFound, "Your organization has no report with this identifier")

const (
	deleteReport = `DELETE FROM reports WHERE id = $1 AND organization_id = $2`
	selectOpen   = `SELECT id::text FROM report_runs WHERE report_id = $1 AND organization_id = $2 AND finished_at IS NULL`
)

// Delete deletes a report of an organization with its runs, and cancels the runs that are not
// finished. It returns ErrNoReport if the organization has no such report.
func Delete(ctx context.Context, tx *outbox.Tx, organization, report uuid.UUID) error {
	rows, _ := tx.Query(ctx, selectOpen, report, organization)
	open, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list open runs: %w", err)
	}
	if _, err := job.Cancel(ctx, tx, RunKind, open...); err != nil {
		return err
	}
	deleted, err := tx.Exec(ctx, deleteReport, report, organization)
	if err != nil {
		return err
	}
	if deleted.RowsAffected() == 0 {
		return ErrNoReport
	}
	return tx.Publish(ctx, events.ReportDeleted{ReportID: report, OrganizationID: organization})
}

// Deletion returns the audit entry for deleting a report.
func Deletion(organization, report uuid.UUID) audit.Entry {
	return audit.Entry{Action: "reports:delete", ResourceID: report.String(), OrganizationID: organization}
}
