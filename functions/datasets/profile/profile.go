// Package profile makes an uploaded version ready for queries: it writes a typed Parquet copy and
// profiles the columns. It runs when a version is uploaded or retried, and once for each further
// attempt at that job.
package profile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/profiling"
	"function/functions/datasets/internal/staging"
	"function/functions/datasets/internal/version"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/ingest/invalid"
	"function/shared/job"
	"function/shared/metrics"
	"function/shared/outbox"
)

// Service declares the function.
var Service = function.Subscriber(profiling.Kind, New).
	Uses(function.Owns(database.Datasets), function.Keys, function.Objects)

// Function profiles versions.
type Function struct {
	db       *outbox.DB
	preparer version.Preparer
	worker   *job.Worker
}

// maxConcurrent is 1 because each profile takes most of a pod's memory.
const maxConcurrent = 1

// New connects the function to its database, key service and object storage.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	area, err := staging.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	keys, err := env.Keeper(ctx)
	preparer := version.Preparer{Keys: keys, Area: area, Scratch: env.Config.Scratch}
	return &Function{db: area.DB, preparer: preparer, worker: job.NewWorker(area.DB, maxConcurrent)}, err
}

// Handle runs the profiling job that the event requests.
func (f *Function) Handle(ctx context.Context, e events.Received[events.ProfileRequested]) error {
	return job.Run(ctx, f.worker, profiling.Spec(e.Data.DatasetID, e.Data.Version), e, func(ctx context.Context, j *job.Job) error {
		return f.profile(ctx, j, e.Data)
	})
}

// profile prepares the version and records the outcome. A file that cannot be read is an outcome,
// not an error, because another attempt would fail in the same way.
func (f *Function) profile(ctx context.Context, j *job.Job, e events.ProfileRequested) error {
	began := time.Now()
	upload, err := database.One[version.Upload](ctx, f.db, pgx.ErrNoRows, version.SelectUpload, e.DatasetID, e.Version)
	if database.IsNoRows(err) {
		return nil // deleted in the meantime
	}
	if err != nil {
		return fmt.Errorf("look up version: %w", err)
	}
	twin, err := version.Twin(ctx, f.db, e.DatasetID, e.Version)
	if err != nil {
		return err
	}
	outcome := version.Outcome{Twin: twin}
	if twin == 0 {
		outcome, err = f.preparer.Prepare(ctx, j, upload)
	}
	defer func() { outcome.Discard(ctx) }() // no effect once adopted
	var invalid *invalid.Error
	if errors.As(err, &invalid) {
		outcome = version.Outcome{Failure: version.Sentence(invalid)}
	} else if err != nil {
		return err
	}
	return j.Complete(ctx, func(tx *outbox.Tx) error {
		finished, err := version.Finish(ctx, tx, e.DatasetID, e.Version, outcome)
		if err != nil || !finished {
			return err
		}
		labels := metrics.Labels{"job": "profile", "outcome": outcome.Status()}
		return metrics.Observe(ctx, tx, "data_processing_jobs_duration", labels, time.Since(began))
	})
}
