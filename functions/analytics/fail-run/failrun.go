// Package failrun marks a run of a report as failed when the last attempt at its job has failed.
package failrun

import (
	"context"
	"errors"

	"function/functions/analytics/internal/report"
	"function/shared/database"
	"function/shared/job"
	"function/shared/outbox"
)

// Service declares the function.
var Service = job.OnFailure("analytics-fail-run", database.Analytics, report.RunKind, fail)

func fail(key, reason string) (job.Failure, error) {
	run, err := report.RunOf(key)
	return func(ctx context.Context, tx *outbox.Tx) error {
		return report.Finish(ctx, tx, run, report.Outcome{Failure: reason}, errors.New(reason))
	}, err
}
