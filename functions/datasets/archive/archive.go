// Package archive moves old versions to the archive of their storage type, as lifecycle policies say.
// Each object is copied as it is stored, and the copy is read and compared, before the version counts
// as archived. A day later, the sweep of staged objects deletes the object in the primary store, so
// that nobody who is reading it is interrupted. One job moves one version and requests the next.
package archive

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/internal/archival"
	"function/functions/datasets/internal/staging"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/job"
	"function/shared/outbox"
)

// Service declares the function.
var Service = function.Service(archival.ArchiveKind, New,
	function.OnEvent((*Function).Handle),
	function.OnEvent((*Function).Failed)).
	Uses(function.Owns(database.Datasets), function.Objects)

// Function moves versions to the archive.
type Function struct {
	area   staging.Area
	worker *job.Worker
}

const (
	// maxConcurrent limits the jobs in one pod; each holds up to three parts of an object in memory.
	maxConcurrent = 4
	// copyTimeout ends an attempt whose store hangs. It is the time limit of the function.
	copyTimeout = 10 * time.Minute
)

// New connects the function to its database and the stores of each storage type.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	area, err := staging.Open(ctx, env)
	return &Function{area: area, worker: job.NewWorker(area.DB, maxConcurrent)}, err
}

// Handle runs the job that archives a version.
func (f *Function) Handle(ctx context.Context, e events.Received[events.ArchiveRequested]) error {
	return job.Run(ctx, f.worker, job.Spec{Kind: archival.ArchiveKind}, e, func(ctx context.Context, j *job.Job) error {
		return f.archive(ctx, j, e.Data.DatasetID, e.Data.Version)
	})
}

const setArchived = `UPDATE dataset_versions SET archived_at = now() WHERE dataset_id = $1 AND version = $2`

func (f *Function) archive(ctx context.Context, j *job.Job, dataset uuid.UUID, version int) error {
	var policy *archival.Policy
	var due bool
	err := f.area.DB.Transact(ctx, func(tx *outbox.Tx) (err error) {
		if policy, err = archival.Lock(ctx, tx, dataset); err != nil {
			return err
		}
		due, err = policy.IsDue(ctx, tx, dataset, version)
		return err
	})
	if err != nil {
		return err
	}
	if due {
		if f.area.Archives.Stores[policy.StorageType] == "" {
			slog.WarnContext(ctx, "version not archived, because no archive is configured", "dataset", dataset, "version", version, "storage_type", policy.StorageType)
			return nil
		}
		if err := f.copy(ctx, j, policy.StorageType, dataset, version); err != nil {
			return err
		}
	}
	return j.Complete(ctx, func(tx *outbox.Tx) error {
		policy, err := archival.Lock(ctx, tx, dataset)
		if err != nil {
			return err
		}
		still, err := policy.IsDue(ctx, tx, dataset, version)
		if err != nil {
			return err
		}
		if due && still {
			if err := f.move(ctx, tx, policy, dataset, version); err != nil {
				return err
			}
		}
		return policy.RequestNext(ctx, tx, dataset, version)
	})
}

// Failed ends a job whose attempts have all failed. The next night requests another one.
func (f *Function) Failed(ctx context.Context, e events.Received[events.JobFailed]) error {
	if e.Data.Kind != archival.ArchiveKind {
		return nil
	}
	slog.ErrorContext(ctx, "version not archived", "version", e.Data.Key, "reason", e.Data.Reason)
	return f.area.DB.Transact(ctx, func(tx *outbox.Tx) error {
		_, err := job.Discard(ctx, tx, e.Data)
		return err
	})
}
