// Package runreport runs a report's query as its organization and stores the rows and the chart.
// It runs on request or when the report is due, and once for each further attempt at that job.
package runreport

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/analytics/internal/databases"
	"function/functions/analytics/internal/query"
	"function/functions/analytics/internal/report"
	"function/shared/access"
	"function/shared/chart"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/job"
	"function/shared/metrics"
	"function/shared/outbox"
	"function/shared/resultset"
)

// maxConcurrent limits the concurrent runs of one process, because of its memory.
const maxConcurrent = 2

// Service declares the function.
var Service = function.Subscriber(report.RunKind, New).
	Uses(function.Owns(database.Analytics), function.Keys, function.Objects, function.Catalog, function.Projections)

// Function runs reports.
type Function struct {
	db        *outbox.DB
	databases query.Databases
	worker    *job.Worker
}

// New connects the function to its database and to the databases that queries use.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Analytics)
	if err != nil {
		return nil, err
	}
	stores, err := databases.Open(ctx, env)
	return &Function{db: db, databases: stores, worker: job.NewWorker(db, maxConcurrent)}, err
}

const (
	startRun = `
UPDATE report_runs SET status = 'running', started_at = now() WHERE id = $1 AND finished_at IS NULL RETURNING report_id`
	selectReport = `SELECT ` + report.Columns + ` FROM reports WHERE id = $1 AND organization_id = $2`
)

// Handle runs the job that the event requests.
func (f *Function) Handle(ctx context.Context, e events.Received[events.ReportRunRequested]) error {
	return job.Run(ctx, f.worker, report.RunSpec(e.Data.RunID), e, func(ctx context.Context, j *job.Job) error {
		return f.run(ctx, j, e.Data)
	})
}

// run runs the report's query. A refused query is an outcome, not an error, because another
// attempt would be refused in the same way.
func (f *Function) run(ctx context.Context, j *job.Job, e events.ReportRunRequested) error {
	began := time.Now()
	var id uuid.UUID
	err := f.db.QueryRow(ctx, startRun, e.RunID).Scan(&id)
	if database.IsNoRows(err) {
		return nil // finished or deleted
	}
	if err != nil {
		return fmt.Errorf("start run: %w", err)
	}
	stored, err := database.One[report.Report](ctx, f.db, pgx.ErrNoRows, selectReport, id, e.OrganizationID)
	if database.IsNoRows(err) {
		return nil // deleted in the meantime
	}
	if err != nil {
		return fmt.Errorf("read report: %w", err)
	}
	q, read := stored.Query(), query.Lineage{}
	q.OnLineage = func(l query.Lineage) { read = l }
	set, queryErr := f.databases.Run(ctx, access.Everyone(e.OrganizationID), q)
	outcome, err := outcomeOf(ctx, stored, set, queryErr)
	outcome.Lineage = read
	if err != nil {
		return fmt.Errorf("run report %s: %w", id, err)
	}
	return j.Complete(ctx, func(tx *outbox.Tx) error {
		if err := report.Finish(ctx, tx, e.RunID, outcome, queryErr); err != nil {
			return err
		}
		labels := metrics.Labels{"job": "report", "outcome": outcome.Status()}
		return metrics.Observe(ctx, tx, "data_processing_jobs_duration", labels, time.Since(began))
	})
}

func outcomeOf(ctx context.Context, r report.Report, set *resultset.Set, err error) (report.Outcome, error) {
	if refusal, refused := query.Refused(err); refused {
		return report.Outcome{Failure: sentence(refusal)}, nil
	}
	if err != nil {
		return report.Outcome{}, err
	}
	return rendered(ctx, r, set)
}

// rendered returns the outcome of a successful query, with a chart if the report asks for one. It
// keeps the rows even if the chart cannot be drawn.
func rendered(ctx context.Context, r report.Report, set *resultset.Set) (o report.Outcome, err error) {
	if o.Columns, err = json.Marshal(set.Columns); err != nil {
		return o, fmt.Errorf("encode columns: %w", err)
	}
	if o.Rows, err = json.Marshal(set.Rows); err != nil {
		return o, fmt.Errorf("encode rows: %w", err)
	}
	o.RowCount, o.Truncated = len(set.Rows), set.Truncated
	if r.Visualization == report.Table {
		return o, nil
	}
	kind := r.Visualization
	if kind == report.Chart {
		kind = chart.Automatic
	}
	svg, err := chart.Render(set, chart.Options{Title: r.Name, Kind: kind})
	if f, ok := fault.As(err); ok {
		o.ChartFailure = f.Detail
	} else if err != nil {
		slog.ErrorContext(ctx, "chart not drawn", "report", r.ID, "error", err)
		o.ChartFailure = "The chart could not be drawn"
	} else {
		o.Chart = string(svg)
	}
	return o, nil
}

// sentence returns the text of a fault for storage with the run, including the position in the
// query.
func sentence(refusal *fault.Error) string {
	if len(refusal.Fields) > 0 {
		return refusal.Fields[0].Message
	}
	return refusal.Detail
}
