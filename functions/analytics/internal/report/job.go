package report

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/analytics/internal/query"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/job"
	"function/shared/outbox"
)

// RunKind is the kind of the jobs that run reports, and the name of the function that runs them.
const RunKind = "analytics-run-report"

// RunSpec identifies the job of a run.
func RunSpec(run uuid.UUID) job.Spec { return job.Spec{Kind: RunKind, Key: run.String()} }

// RunOf returns the run of the job of RunKind with this key.
func RunOf(key string) (uuid.UUID, error) {
	run, err := uuid.Parse(key)
	if err != nil {
		err = fault.New(fault.Invalid, "The key of this job does not identify a run of a report").Because(err)
	}
	return run, err
}

// RequestRun enqueues the job of a run.
func RequestRun(ctx context.Context, tx *outbox.Tx, organization, report, run uuid.UUID) error {
	return job.Enqueue(ctx, tx, RunSpec(run), events.ReportRunRequested{RunID: run, ReportID: report, OrganizationID: organization})
}

// Outcome is the result of a run: rows or a failure.
type Outcome struct {
	Failure       string // a sentence; empty: the run succeeded
	Columns, Rows json.RawMessage
	RowCount      int
	Truncated     bool
	Chart         string // SVG; empty: none
	ChartFailure  string // a sentence; empty: there is a chart, or the report has none
	Lineage       query.Lineage
}

// Status returns the status of the run after this outcome.
func (o Outcome) Status() string {
	if o.Failure != "" {
		return Failed
	}
	return Succeeded
}

// A notice is sent only for the first of consecutive failed runs of a schedule. Otherwise a
// schedule that is due every minute would send a mail every minute.
const finishRun = `
UPDATE report_runs run SET status = @status, finished_at = now(), columns = @columns, rows = @rows, row_count = @row_count,
       truncated = @truncated, chart = nullif(@chart, ''), chart_failure = nullif(@chart_failure, ''), failure = nullif(@failure, '')
FROM reports r WHERE run.id = @id AND run.finished_at IS NULL AND r.id = run.report_id
RETURNING r.id AS report_id, r.name, r.organization_id, r.created_by, r.database, run.finished_at,
       run.status = 'failed' AND run.scheduled_for IS NOT NULL AND 'failed' IS DISTINCT FROM (
           SELECT earlier.status FROM report_runs earlier WHERE earlier.report_id = r.id AND earlier.scheduled_for < run.scheduled_for
           ORDER BY earlier.scheduled_for DESC LIMIT 1) AS notify`

type finished struct {
	ReportID       uuid.UUID
	Name           string
	OrganizationID uuid.UUID
	CreatedBy      uuid.UUID
	Database       string
	FinishedAt     time.Time
	Notify         bool // whether to notify the creator of the report
}

// Finish records the outcome of a run and counts its query by its error. It requests a notice to
// the creator of the report when a schedule begins to fail. A run that was deleted or already
// has an outcome stays unchanged.
func Finish(ctx context.Context, tx *outbox.Tx, run uuid.UUID, o Outcome, queryErr error) error {
	args := pgx.NamedArgs{"id": run, "status": o.Status(), "failure": o.Failure, "truncated": o.Truncated, "chart": o.Chart, "chart_failure": o.ChartFailure}
	if o.Failure == "" {
		args["columns"], args["rows"], args["row_count"] = o.Columns, o.Rows, o.RowCount
	}
	f, err := database.One[finished](ctx, tx, pgx.ErrNoRows, finishRun, args)
	if database.IsNoRows(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("finish run: %w", err)
	}
	if err := query.Count(ctx, tx, query.Query{Database: f.Database}, queryErr); err != nil {
		return err
	}
	if o.Failure == "" && len(o.Lineage.Versions) > 0 {
		if err := tx.Publish(ctx, f.ran(run, o.Lineage)); err != nil {
			return err
		}
	}
	if !f.Notify {
		return nil
	}
	return tx.Publish(ctx, events.NoticeRequested{
		OrganizationID: f.OrganizationID, UserID: f.CreatedBy, Notice: "report_failed",
		Params: map[string]string{"report_id": f.ReportID.String(), "run_id": run.String()},
	})
}

// maxColumns is how many columns an event has at most, so that the event stays below events.MaxSize.
const maxColumns = 1000

// ran returns the event about what the run has read.
func (f finished) ran(run uuid.UUID, l query.Lineage) events.ReportRan {
	e := events.ReportRan{ReportID: f.ReportID, RunID: run, OrganizationID: f.OrganizationID, Name: f.Name, CreatedBy: f.CreatedBy, FinishedAt: f.FinishedAt, Versions: l.Versions}
	text := 0
	for _, c := range l.Columns {
		text += len(c.Column) + len(c.Result)
	}
	if len(l.Columns) <= maxColumns && text <= events.MaxSize/8 {
		e.Columns = l.Columns
	}
	return e
}
