// Package failversion marks a version as failed when the last attempt at its profiling job has
// failed.
package failversion

import (
	"context"

	"function/functions/datasets/internal/profiling"
	"function/functions/datasets/internal/version"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/job"
	"function/shared/outbox"
)

// Service declares the function.
var Service = function.Subscriber("datasets-fail-version", New).
	Uses(function.Owns(database.Datasets))

// Function marks versions as failed.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

// Handle discards the failed job and marks its version as failed.
func (f *Function) Handle(ctx context.Context, e events.Received[events.JobFailed]) error {
	if e.Data.Kind != profiling.Kind {
		return nil
	}
	dataset, number, err := profiling.VersionOf(e.Data.Key)
	if err != nil {
		return err
	}
	return f.db.Transact(ctx, func(tx *outbox.Tx) error {
		ended, err := job.Discard(ctx, tx, e.Data)
		if err != nil || !ended {
			return err
		}
		_, err = version.Finish(ctx, tx, dataset, number, version.Outcome{Failure: e.Data.Reason})
		return err
	})
}
