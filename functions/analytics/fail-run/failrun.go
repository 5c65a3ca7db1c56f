// Package failrun marks a run of a report as failed when the last attempt at its job has failed.
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

// Function marks runs as failed.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Analytics)
	return &Function{db: db}, err
}

// Handle discards the failed job and marks its run as failed.
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
