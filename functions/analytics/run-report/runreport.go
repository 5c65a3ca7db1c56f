// Package runreport runs a report's query as its organization and keeps the rows
// and the chart. It runs when a person has asked for it, or the report is due.
package runreport

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"function/functions/analytics/internal/databases"
	"function/functions/analytics/internal/query"
	"function/functions/analytics/internal/report"
	"function/shared/chart"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/metrics"
	"function/shared/outbox"
	"function/shared/resultset"
)

// runsAtOnce bounds the runs of one process: each holds a transaction while its
// query runs, for which a second delivery of its event waits.
const runsAtOnce = 2

// Service declares the function.
var Service = function.Subscriber("analytics-run-report", New).
	Uses(function.Owns(database.Analytics), function.Keys, function.Objects, function.Catalog, function.Projections)

// Function runs reports.
type Function struct {
	db        *outbox.DB
	databases query.Databases
	places    chan struct{}
}

// New opens the reports and what queries read.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Analytics)
	if err != nil {
		return nil, err
	}
	stores, err := databases.Open(ctx, env)
	return &Function{db: db, databases: stores, places: make(chan struct{}, runsAtOnce)}, err
}

const (
	startRun = `
UPDATE report_runs SET status = 'running', started_at = now(), attempts = attempts + 1
WHERE id = $1 AND status IN ('queued', 'running') RETURNING attempts`
	selectReport = `SELECT ` + report.Columns + ` FROM reports WHERE id = $1 AND organization_id = $2`
	finishRun    = `
UPDATE report_runs SET status = @status, finished_at = now(), columns = @columns, rows = @rows, row_count = @row_count,
       truncated = @truncated, chart = @chart, chart_failure = @chart_failure, failure = @failure
WHERE id = @id`
)

// maxAttempts is how many deliveries try an error that may pass, before it ends the
// run: fewer than the trigger makes, so that the last one is sure to come.
const maxAttempts = 4

// Handle runs the report. What is wrong with its query is written into the run; any
// other error leaves the run to the event's next delivery, up to maxAttempts.
func (f *Function) Handle(ctx context.Context, e events.Received[events.ReportRunRequested]) error {
	select {
	case f.places <- struct{}{}:
		defer func() { <-f.places }()
	case <-ctx.Done():
		return fmt.Errorf("wait to run a report: %w", ctx.Err())
	}
	var attempts int
	err := f.db.QueryRow(ctx, startRun, e.Data.RunID).Scan(&attempts) // seen while the run's transaction is open
	if database.IsNoRows(err) {
		return nil // over, or deleted
	}
	if err != nil {
		return fmt.Errorf("start run: %w", err)
	}
	return outbox.Once(ctx, f.db, e, func(tx *outbox.Tx) error {
		rows, _ := tx.Query(ctx, selectReport, e.Data.ReportID, e.Data.OrganizationID)
		kept, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[report.Report])
		if database.IsNoRows(err) {
			return nil // deleted since
		}
		if err != nil {
			return fmt.Errorf("read report: %w", err)
		}
		return f.run(ctx, tx, e.Data, kept, attempts)
	})
}

func (f *Function) run(ctx context.Context, tx *outbox.Tx, e events.ReportRunRequested, r report.Report, attempts int) error {
	began := time.Now()
	set, err := f.databases.Run(ctx, e.OrganizationID, r.Query())
	refusal, refused := query.Refused(err)
	if err != nil && !refused {
		if attempts < maxAttempts || ctx.Err() != nil {
			return fmt.Errorf("run report %s: %w", r.ID, err)
		}
		slog.ErrorContext(ctx, "report failed", "report", r.ID, "run", e.RunID, "error", err)
	}
	outcome := pgx.NamedArgs{"id": e.RunID, "status": report.Failed, "truncated": false}
	if err != nil {
		outcome["failure"] = sentence(refusal)
	} else if err := found(ctx, outcome, r, set); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, finishRun, outcome); err != nil {
		return fmt.Errorf("finish run: %w", err)
	}
	if err := query.Count(ctx, tx, r.Query(), err); err != nil {
		return err
	}
	labels := metrics.Labels{"job": "report", "outcome": outcome["status"].(string)}
	return metrics.Observe(ctx, tx, "data_processing_jobs_duration", labels, time.Since(began))
}

// found puts the rows, and their picture if there is to be one, into the outcome.
// Rows that cannot be drawn are kept all the same.
func found(ctx context.Context, outcome pgx.NamedArgs, r report.Report, set *resultset.Set) error {
	columns, err := json.Marshal(set.Columns)
	if err != nil {
		return fmt.Errorf("encode columns: %w", err)
	}
	rows, err := json.Marshal(set.Rows)
	if err != nil {
		return fmt.Errorf("encode rows: %w", err)
	}
	outcome["status"], outcome["columns"], outcome["rows"] = report.Succeeded, json.RawMessage(columns), json.RawMessage(rows)
	outcome["row_count"], outcome["truncated"] = len(set.Rows), set.Truncated
	if r.Visualization == report.Table {
		return nil
	}
	kind := r.Visualization
	if kind == report.Chart {
		kind = chart.Automatic
	}
	svg, err := chart.Render(set, chart.Options{Title: r.Name, Kind: kind})
	if f, ok := fault.As(err); ok {
		outcome["chart_failure"] = f.Detail
	} else if err != nil {
		slog.ErrorContext(ctx, "chart not drawn", "report", r.ID, "error", err)
		outcome["chart_failure"] = "The chart could not be drawn"
	} else {
		outcome["chart"] = string(svg)
	}
	return nil
}

// sentence is a fault as the run keeps it, with the place in the query; nil is an
// error whose cause is not for the reader.
func sentence(refusal *fault.Error) string {
	if refusal == nil {
		return fmt.Sprintf("Something went wrong on our side, %d times in a row. Run the report again later.", maxAttempts)
	}
	if len(refusal.Fields) > 0 {
		return refusal.Fields[0].Message
	}
	return refusal.Detail
}
