package directupload

import (
	"context"
	"errors"
	"time"

	"function/functions/datasets/internal/resumable"
	"function/shared/events"
	"function/shared/job"
	"function/shared/outbox"
)

// sliceTime ends one job before the function's time limit. Another one continues.
const sliceTime = 8 * time.Minute

// Handle runs the job that seals a file.
func (f *Function) Handle(ctx context.Context, e events.Received[events.SealRequested]) error {
	return job.Run(ctx, f.worker, spec(e.Data.UploadID), e, func(ctx context.Context, j *job.Job) error {
		u, err := f.store.ByID(ctx, e.Data.UploadID)
		switch {
		case errors.Is(err, error(resumable.ErrNotFound)):
			return nil // deleted in the meantime
		case err != nil:
			return err
		case u.Version != nil || u.Usable() != nil:
			return nil
		}
		slice, stop := context.WithTimeout(ctx, sliceTime)
		defer stop()
		began := u.Received
		err = f.store.Seal(slice, u, func(done int64) { j.Progress(done, *u.Length, "seal") })
		switch {
		case errors.Is(err, error(resumable.ErrFenced)):
			return nil // another process continues, or it was deleted
		case err != nil && slice.Err() != nil && ctx.Err() == nil && u.Received > began:
			return j.Complete(ctx, func(tx *outbox.Tx) error { return enqueue(ctx, tx, u) })
		}
		return err
	})
}

// Failed ends an upload whose job has failed for the last time.
func (f *Function) Failed(ctx context.Context, e events.Received[events.JobFailed]) error {
	if e.Data.Kind != kind {
		return nil
	}
	return f.store.FailJob(ctx, e.Data)
}
