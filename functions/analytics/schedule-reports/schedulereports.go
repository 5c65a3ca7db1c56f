// Package schedulereports queues a run of each report that is due. It runs every minute.
//
// Each due time gets one run, even if several instances work concurrently or one crashes: a
// transaction locks reports that no other transaction holds, queues their runs, and advances
// their next due time. Due times that passed while nothing ran get one run together, for the
// latest of them.
package schedulereports

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/analytics/internal/report"
	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/uuid7"
)

// Service declares the function.
var Service = function.Scheduled("analytics-schedule-reports", function.Schedule{Cron: "* * * * *"}, New).
	Uses(function.Owns(database.Analytics))

// Function queues due runs.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Analytics)
	return &Function{db: db}, err
}

const (
	selectDue = `
SELECT id, organization_id, schedule, timezone, next_run_at AS due, now() AS now
FROM reports WHERE next_run_at <= now() ORDER BY next_run_at LIMIT 50 FOR UPDATE SKIP LOCKED`
	insertRun = `
INSERT INTO report_runs (id, report_id, organization_id, scheduled_for, status) VALUES ($1, $2, $3, $4, 'queued')
ON CONFLICT ON CONSTRAINT report_runs_once DO NOTHING`
	moveOn = `UPDATE reports SET next_run_at = $2 WHERE id = $1`
)

type dueReport struct {
	ID             uuid.UUID
	OrganizationID uuid.UUID
	Schedule       string
	Timezone       string
	Due            time.Time
	Now            time.Time
}

// Handle queues the runs of due reports in batches, one transaction each, until none is due.
func (f *Function) Handle(ctx context.Context) error {
	for {
		var found int
		err := f.db.Transact(ctx, func(tx *outbox.Tx) error {
			rows, _ := tx.Query(ctx, selectDue)
			due, err := pgx.CollectRows(rows, pgx.RowToStructByName[dueReport])
			if err != nil {
				return fmt.Errorf("select due reports: %w", err)
			}
			found = len(due)
			for _, report := range due {
				if err := queue(ctx, tx, report); err != nil {
					return fmt.Errorf("queue run of report %s: %w", report.ID, err)
				}
			}
			return nil
		})
		if err != nil || found == 0 {
			return err
		}
	}
}

func queue(ctx context.Context, tx *outbox.Tx, due dueReport) error {
	schedule, err := report.ParseSchedule(due.Schedule, due.Timezone)
	if err != nil { // it was valid when it was saved, so the rules have changed since
		slog.ErrorContext(ctx, "report unscheduled", "report", due.ID, "error", err)
		_, err := tx.Exec(ctx, moveOn, due.ID, nil)
		return err
	}
	id := uuid7.New()
	inserted, err := tx.Exec(ctx, insertRun, id, due.ID, due.OrganizationID, schedule.Latest(due.Due, due.Now))
	if err != nil {
		return fmt.Errorf("insert run: %w", err)
	}
	if _, err := tx.Exec(ctx, moveOn, due.ID, schedule.After(due.Now)); err != nil {
		return fmt.Errorf("move on to the next time: %w", err)
	}
	if inserted.RowsAffected() == 0 {
		return nil
	}
	return report.RequestRun(ctx, tx, due.OrganizationID, due.ID, id)
}
