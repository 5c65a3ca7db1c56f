// Package failversion marks a version as failed when the last attempt at its profiling job has
// failed.
package failversion

import (
	"context"

	"function/functions/datasets/internal/profiling"
	"function/functions/datasets/internal/version"
	"function/shared/database"
	"function/shared/job"
	"function/shared/outbox"
)

// Service declares the function.
var Service = job.OnFailure("datasets-fail-version", database.Datasets, profiling.Kind, fail)

func fail(key, reason string) (job.Failure, error) {
	dataset, number, err := profiling.VersionOf(key)
	return func(ctx context.Context, tx *outbox.Tx) error {
		_, err := version.Finish(ctx, tx, dataset, number, version.Outcome{Failure: reason})
		return err
	}, err
}
