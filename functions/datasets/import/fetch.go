package importing

import (
	"context"
	"errors"
	"time"

	"function/functions/datasets/internal/resumable"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/job"
	"function/shared/outbox"
)

const (
	// sliceTime ends one job before the function's time limit. Another one continues.
	sliceTime = 8 * time.Minute
	// A connection that breaks maxBreaks times in a row without bringing anything fails the import.
	// The pauses between are 0.2, 0.4, 0.8 … seconds: a minute and a half in all.
	maxBreaks  = 9
	firstPause = 200 * time.Millisecond
)

// broken is an error after which another request may succeed. The sentence is for the user.
type broken struct {
	sentence string
	cause    error
}

func (b *broken) Error() string { return b.sentence }
func (b *broken) Unwrap() error { return b.cause }

// Handle runs the job that fetches a file.
func (f *Function) Handle(ctx context.Context, e events.Received[events.ImportRequested]) error {
	return job.Run(ctx, f.worker, spec(e.Data), e, func(ctx context.Context, j *job.Job) error {
		u, err := f.store.ByID(ctx, e.Data.UploadID)
		switch {
		case errors.Is(err, error(resumable.ErrNotFound)):
			return nil // deleted in the meantime
		case err != nil:
			return err
		case u.Version != nil || u.Usable() != nil:
			return nil
		}
		err = f.fetch(ctx, j, u)
		if errors.Is(err, error(resumable.ErrFenced)) {
			return nil // another process continues, or it was deleted
		}
		if errors.Is(err, errSlice) {
			return j.Complete(ctx, func(tx *outbox.Tx) error { return request(ctx, tx, u) })
		}
		return err
	})
}

// errSlice is returned when the time of a job is over and the file is not complete.
var errSlice = errors.New("the time of this job is over")

// fetch sends requests until the file is complete.
func (f *Function) fetch(ctx context.Context, j *job.Job, u *resumable.Upload) error {
	address, err := f.store.Address(ctx, u)
	if err != nil {
		return err
	}
	slice, stop := context.WithTimeout(ctx, sliceTime)
	defer stop()
	began := u.Received
	for breaks := 0; ; breaks++ {
		before := u.Received
		err := f.get(slice, j, u, address)
		var b *broken
		if err == nil || ctx.Err() == nil && !errors.As(err, &b) {
			return err
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case slice.Err() != nil && u.Received > began:
			return errSlice
		case u.Received > before:
			breaks = 0
		case breaks == maxBreaks || slice.Err() != nil:
			return fault.At("body.url", "%s", b.sentence).Because(b.cause)
		}
		select {
		case <-time.After(firstPause << breaks):
		case <-slice.Done():
		}
	}
}

// Failed ends an import whose job has failed for the last time.
func (f *Function) Failed(ctx context.Context, e events.Received[events.JobFailed]) error {
	if e.Data.Kind != kind {
		return nil
	}
	return f.store.FailJob(ctx, e.Data)
}
