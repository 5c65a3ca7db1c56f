package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"function/shared/outbox"
)

// ErrLost is returned when this attempt no longer holds the job: it was cancelled, or its lease
// ended before it could be renewed.
var ErrLost = errors.New("the job was cancelled or its lease has ended")

// Job is one attempt at a job, held by this process.
type Job struct {
	Attempt int // from 1

	id         uuid.UUID
	holder     uuid.UUID
	spec       Spec
	worker     *Worker
	checkpoint json.RawMessage
	completed  bool
	release    func() // ends the heartbeat

	mu          sync.Mutex
	done, total int64
	progress    string
	dirty       bool
}

// progressEvery is the minimum interval between writes of the progress.
const progressEvery = 500 * time.Millisecond

// Progress sets how far the work has come. The next heartbeat writes it; Progress does not wait.
func (j *Job) Progress(done, total int64, text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.done, j.total, j.progress, j.dirty = done, total, text, true
}

// hold renews the lease until stop is called. The context is cancelled with cause ErrLost when the
// job has been taken away or the lease could not be renewed in time.
func (j *Job) hold(ctx context.Context) (working context.Context, stop func()) {
	working, cancel := context.WithCancelCause(ctx)
	quit := make(chan struct{})
	var beating sync.WaitGroup
	beating.Go(func() { j.beat(working, cancel, quit) })
	j.release = sync.OnceFunc(func() { close(quit); beating.Wait() })
	return working, func() { j.release(); cancel(nil) }
}

func (j *Job) beat(ctx context.Context, lost context.CancelCauseFunc, quit <-chan struct{}) {
	every := j.worker.lease / 4
	tick := time.NewTicker(min(progressEvery, every))
	defer tick.Stop()
	for renewed := time.Now(); ; {
		select {
		case <-quit:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		began := time.Now()
		if j.fresh() && began.Sub(renewed) < every {
			continue
		}
		err := j.renew(ctx, every)
		switch {
		case err == nil:
			renewed = began
		case errors.Is(err, ErrLost), time.Since(renewed) > 3*every:
			lost(errors.Join(ErrLost, err))
			return
		default:
			slog.WarnContext(ctx, "lease not renewed", "job", j.id, "error", err)
		}
	}
}

// fresh reports whether the current progress has been written.
func (j *Job) fresh() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return !j.dirty
}

const renewLease = `
UPDATE jobs SET due_at = now() + $3::interval, done = $4, total = $5, progress = $6 WHERE id = $1 AND holder = $2`

func (j *Job) renew(ctx context.Context, within time.Duration) error {
	j.mu.Lock()
	done, total, progress := j.done, j.total, j.progress
	j.dirty = false
	j.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return j.change(ctx, j.worker.db, renewLease, j.worker.lease, done, total, progress)
}

const writeCheckpoint = `UPDATE jobs SET checkpoint = $3 WHERE id = $1 AND holder = $2`

// Checkpoint stores, as JSON, the state that the next attempt resumes from.
func (j *Job) Checkpoint(ctx context.Context, state any) error {
	encoded, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("encode checkpoint of job %s: %w", j.id, err)
	}
	return j.change(ctx, j.worker.db, writeCheckpoint, json.RawMessage(encoded))
}

const completeJob = `UPDATE jobs SET state = 'completed', holder = NULL, failure = NULL, event = NULL, finished_at = now() WHERE id = $1 AND holder = $2`

// Complete ends the job in the transaction that writes its result. It returns ErrLost if this
// attempt no longer holds the job. Work calls it last.
func (j *Job) Complete(ctx context.Context, write func(*outbox.Tx) error) error {
	j.release() // the heartbeat would block on this transaction's row lock
	err := j.worker.db.Transact(ctx, func(tx *outbox.Tx) error {
		if err := j.change(ctx, tx, completeJob); err != nil {
			return err
		}
		return write(tx)
	})
	j.completed = err == nil
	return err
}

// execer is a database or a transaction.
type execer interface {
	Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error)
}

// change runs a statement on the job's row if this attempt still holds the job.
func (j *Job) change(ctx context.Context, db execer, sql string, arguments ...any) error {
	changed, err := db.Exec(ctx, sql, append([]any{j.id, j.holder}, arguments...)...)
	if err != nil {
		return fmt.Errorf("change job %s: %w", j.id, err)
	}
	if changed.RowsAffected() == 0 {
		return ErrLost
	}
	return nil
}
