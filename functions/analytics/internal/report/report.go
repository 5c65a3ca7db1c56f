// Package report holds reports, queries that are run by hand or on a schedule, their
// schedules and their runs.
package report

import (
	"context"
	"encoding/json"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/analytics/internal/query"
	"function/shared/audit"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/resultset"
)

// How a report shows its rows.
const (
	Chart = "chart"
	Table = "table"
)

// Report is a query that is run by hand or on a schedule.
type Report struct {
	ID            uuid.UUID         `json:"id" format:"uuid"`
	Name          string            `json:"name"`
	SQL           string            `json:"query" db:"query"`
	Database      string            `json:"database" enum:"datasets,postgresql"`
	Parameters    []query.Parameter `json:"parameters" nullable:"false"`
	Visualization string            `json:"visualization" enum:"chart,line,bar,area,scatter,table"`
	Schedule      *string           `json:"schedule,omitempty" doc:"Cron; absent: run by hand only"`
	Timezone      string            `json:"timezone" doc:"In which the schedule is read, and of which current_date and now() in the query are"`
	NextRunAt     *time.Time        `json:"next_run_at,omitempty"`
	NextRuns      []time.Time       `json:"next_runs,omitempty" db:"-" doc:"The next five due times. A time that daylight saving skips is due when the skip ends; one that the clock shows twice, the first time"`
	CreatedBy     uuid.UUID         `json:"created_by" format:"uuid"`
	CreatedAt     time.Time         `json:"created_at"`
}

// Query is what the report runs.
func (r Report) Query() query.Query {
	return query.Query{SQL: r.SQL, Database: r.Database, Parameters: r.Parameters, TimeZone: r.Timezone}
}

// Columns are the columns that a Report is read from.
const Columns = `id, name, query, database, parameters, visualization, schedule, timezone, next_run_at, created_by, created_at`

// ErrNoReport answers for what does not exist and what is somebody else's.
var ErrNoReport = fault.New(fault.NotFound, "Your organization has no report with this identifier")

const deleteReport = `DELETE FROM reports WHERE id = $1 AND organization_id = $2`

// Delete deletes a report of an organization, with its runs; ErrNoReport if it
// has none such. A run that is queued finds nothing to do.
func Delete(ctx context.Context, tx *outbox.Tx, organization, report uuid.UUID) error {
	deleted, err := tx.Exec(ctx, deleteReport, report, organization)
	if err != nil {
		return err
	}
	if deleted.RowsAffected() == 0 {
		return ErrNoReport
	}
	return nil
}

// Deletion is the audit entry of deleting a report.
func Deletion(organization, report uuid.UUID) audit.Entry {
	return audit.Entry{Action: "reports:delete", ResourceID: report.String(), OrganizationID: organization}
}

// The states of a run.
const (
	Queued    = "queued"
	Running   = "running"
	Succeeded = "succeeded"
	Failed    = "failed"
)

// Run is one run of a report, without its rows.
type Run struct {
	ID           uuid.UUID  `json:"id" format:"uuid"`
	ReportID     uuid.UUID  `json:"report_id" format:"uuid"`
	Status       string     `json:"status" enum:"queued,running,succeeded,failed"`
	ScheduledFor *time.Time `json:"scheduled_for,omitempty" doc:"The due time; absent: run by hand"`
	QueuedAt     time.Time  `json:"queued_at"`
	StartedAt    *time.Time `json:"started_at,omitempty"`
	FinishedAt   *time.Time `json:"finished_at,omitempty"`
	RowCount     *int       `json:"row_count,omitempty"`
	Truncated    bool       `json:"truncated" doc:"The query had more rows than are kept"`
	Failure      *string    `json:"failure,omitempty" doc:"Why the run failed"`
	ChartFailure *string    `json:"chart_failure,omitempty" doc:"Why there are rows and no chart"`
}

// RunColumns are the columns that a Run is read from.
const RunColumns = `id, report_id, status, scheduled_for, queued_at, started_at, finished_at, row_count, truncated, failure, chart_failure`

// RunResult is a run with what it found.
type RunResult struct {
	Run
	Columns []resultset.Column `json:"columns,omitempty"`
	Rows    Rows               `json:"rows,omitempty"`
	Chart   *string            `json:"chart,omitempty" doc:"SVG, if the report asks for a chart"`
}

// RunResultColumns are the columns that a RunResult is read from.
const RunResultColumns = RunColumns + `, columns, rows, chart`

// Rows are stored rows, in column order, as they were answered.
type Rows json.RawMessage

// Schema implements huma.SchemaProvider.
func (Rows) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{}}}
}

// MarshalJSON implements json.Marshaler.
func (r Rows) MarshalJSON() ([]byte, error) { return json.RawMessage(r).MarshalJSON() }

// UnmarshalJSON implements json.Unmarshaler.
func (r *Rows) UnmarshalJSON(text []byte) error { return (*json.RawMessage)(r).UnmarshalJSON(text) }

// ErrNoRun answers for what does not exist and what is somebody else's.
var ErrNoRun = fault.New(fault.NotFound, "This report of your organization has no run with this identifier")
