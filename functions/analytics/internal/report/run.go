package report

import (
	"encoding/json"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/shared/fault"
	"function/shared/resultset"
)

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
	ScheduledFor *time.Time `json:"scheduled_for,omitempty" doc:"The due time; absent if the run was requested"`
	QueuedAt     time.Time  `json:"queued_at"`
	StartedAt    *time.Time `json:"started_at,omitempty"`
	FinishedAt   *time.Time `json:"finished_at,omitempty"`
	RowCount     *int       `json:"row_count,omitempty"`
	Truncated    bool       `json:"truncated" doc:"Whether the query had more rows than are stored"`
	Failure      *string    `json:"failure,omitempty" doc:"Why the run failed"`
	ChartFailure *string    `json:"chart_failure,omitempty" doc:"Why there are rows but no chart"`
}

// RunColumns are the columns of a Run.
const RunColumns = `id, report_id, status, scheduled_for, queued_at, started_at, finished_at, row_count, truncated, failure, chart_failure`

// RunResult is a run with its rows and chart.
type RunResult struct {
	Run
	Columns []resultset.Column `json:"columns,omitempty"`
	Rows    Rows               `json:"rows,omitempty"`
	Chart   *string            `json:"chart,omitempty" doc:"SVG, if the report asks for a chart"`
}

// RunResultColumns are the columns of a RunResult.
const RunResultColumns = RunColumns + `, columns, rows, chart`

// Rows are the stored rows of a run as JSON, with values in column order.
type Rows json.RawMessage

// Schema implements huma.SchemaProvider.
func (Rows) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{}}}
}

// MarshalJSON implements json.Marshaler.
func (r Rows) MarshalJSON() ([]byte, error) { return json.RawMessage(r).MarshalJSON() }

// UnmarshalJSON implements json.Unmarshaler.
func (r *Rows) UnmarshalJSON(text []byte) error { return (*json.RawMessage)(r).UnmarshalJSON(text) }

// ErrNoRun is returned for a run that does not exist or belongs to another organization or
// report.
var ErrNoRun = fault.New(fault.NotFound, "Your organization has no such report, or the report has no run with this identifier")
