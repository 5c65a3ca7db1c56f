// Package failversion marks a version as failed whose profiling has failed for good. It
// runs when the last attempt at the job has failed.
package failversion

import (
	"context"

	"function/functions/datasets/internal/datasets"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/job"
	"function/shared/outbox"
)

// Service declares the function.
var Service = function.Subscriber("datasets-fail-version", New).
	Uses(function.Owns(database.Datasets), function.Keys, function.Objects)

// Function marks versions as failed.
type Function struct{ datasets.Store }

// New opens the data sets.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := datasets.Open(ctx, env)
	return &Function{store}, err
}

// Handle ends the job, and the version with it.
func (f *Function) Handle(ctx context.Context, e events.Received[events.JobFailed]) error {
	if e.Data.Kind != datasets.ProfileKind {
		return nil
	}
	dataset, version, err := datasets.VersionOf(e.Data.Key)
	if err != nil {
		return err
	}
	return f.DB.Transact(ctx, func(tx *outbox.Tx) error {
		ended, err := job.Discard(ctx, tx, e.Data)
		if err != nil || !ended {
			return err
		}
		_, err = datasets.Finish(ctx, tx, dataset, version, datasets.Outcome{Failure: e.Data.Reason})
		return err
	})
}
