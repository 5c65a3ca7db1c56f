// Package failrun ends a run of a report as failed that could not be done. It runs when
// the last attempt at the job has failed.
package failrun

import (
	"context"
	"errors"

	"function/functions/analytics/internal/report"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/job"
	"function/shared/outbox"
)

// Service declares the function.
var Service = function.Subscriber("analytics-fail-run", New).Uses(function.Owns(database.Analytics))

// Function ends runs as failed.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Analytics)
	return &Function{db: db}, err
}

// Handle ends the job, and the run with it.
func (f *Function) Handle(ctx context.Context, e events.Received[events.JobFailed]) error {
	if e.Data.Kind != report.RunKind {
		return nil
	}
	run, err := report.RunOf(e.Data.Key)
	if err != nil {
		return err
	}
	return f.db.Transact(ctx, func(tx *outbox.Tx) error {
		ended, err := job.Discard(ctx, tx, e.Data)
		if err != nil || !ended {
			return err
		}
		return report.Finish(ctx, tx, run, report.Outcome{Failure: e.Data.Reason}, errors.New(e.Data.Reason))
	})
}
