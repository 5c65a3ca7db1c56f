package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/outbox"
)

// Worker runs the jobs of one kind in one process.
type Worker struct {
	db    *outbox.DB
	slots chan struct{}
	lease time.Duration
}

// lease is how long a process holds a job without renewing.
const lease = time.Minute

// NewWorker returns a worker that runs up to atOnce jobs at a time; others wait.
func NewWorker(db *outbox.DB, atOnce int) *Worker {
	return &Worker{db: db, slots: make(chan struct{}, atOnce), lease: lease}
}

// Leasing returns a copy of the worker with a different lease.
func (w *Worker) Leasing(lease time.Duration) *Worker {
	return &Worker{db: w.db, slots: w.slots, lease: lease}
}

const (
	claimJob = `
UPDATE jobs SET state = 'running', holder = $4, attempt = attempt + 1, publications = 0,
       due_at = now() + $5::interval, started_at = now(), done = 0, total = 0, progress = ''
WHERE kind = $1 AND source = $2 AND event_id = $3 AND attempt < max_attempts
  AND (state = 'available' OR state = 'running' AND due_at < now())
RETURNING id, key, attempt, max_attempts, checkpoint`
)

// Run runs the job that an event starts. It returns nil once nothing is left to do for this
// delivery: the job has ended, another process works on it, or its next attempt is scheduled. If
// the event came from another domain, without a job, Run creates one at the first delivery.
//
// A permanent fault (see function.OnEvent) ends the job as failed, with the fault's sentence as the
// reason. Any other error ends this attempt only.
func Run[T events.Event](ctx context.Context, w *Worker, spec Spec, e events.Received[T], work func(context.Context, *Job) error) error {
	select {
	case w.slots <- struct{}{}:
		defer func() { <-w.slots }()
	case <-ctx.Done():
		return fmt.Errorf("wait to run job %s: %w", spec.Kind, ctx.Err())
	}
	j, err := claim(ctx, w, spec, e)
	if err != nil || j == nil {
		return err
	}
	working, stop := j.hold(ctx)
	defer stop() // if work panics, the lease expires
	err = work(working, j)
	if err == nil && !j.completed {
		err = j.Complete(working, func(*outbox.Tx) error { return nil })
	}
	if j.completed {
		return nil
	}
	if gone := context.Cause(working); errors.Is(gone, ErrLost) {
		err = errors.Join(gone, err)
	}
	stop()
	return j.settle(ctx, err)
}

// claim takes the job, or returns nil if it is not available.
func claim[T events.Event](ctx context.Context, w *Worker, spec Spec, e events.Received[T]) (*Job, error) {
	for range 2 {
		j := &Job{worker: w, spec: spec, holder: uuid.New()}
		err := w.db.QueryRow(ctx, claimJob, spec.Kind, e.Source, e.ID, j.holder, w.lease).
			Scan(&j.id, &j.spec.Key, &j.Attempt, &j.spec.Attempts, &j.checkpoint)
		if err == nil {
			return j, nil
		}
		if !database.IsNoRows(err) {
			return nil, fmt.Errorf("claim job: %w", err)
		}
		made, err := adopt(ctx, w.db, spec, e)
		if err != nil || !made {
			return nil, err
		}
	}
	return nil, nil
}

// adopt inserts the job of an event that was published without one.
func adopt[T events.Event](ctx context.Context, db *outbox.DB, spec Spec, e events.Received[T]) (bool, error) {
	if _, err := uuid.Parse(e.ID); err != nil {
		return false, fault.New(fault.Invalid, "This event cannot start a job: its identifier is not a UUID")
	}
	event := cloudevents.NewEvent()
	event.SetID(e.ID)
	event.SetSource(e.Source)
	event.SetType(e.Data.EventType())
	event.SetSubject(e.Data.EventSubject())
	event.SetTime(e.Time)
	if organization := e.Data.EventOrganization(); organization != uuid.Nil {
		event.SetExtension("organizationid", organization.String())
	}
	if err := event.SetData(cloudevents.ApplicationJSON, e.Data); err != nil {
		return false, fmt.Errorf("encode event of job: %w", err)
	}
	return insert(ctx, db, spec, event)
}

const (
	// The pause is 1, 16, 81, 256, 625 … seconds, at most a day.
	failAttempt = `
UPDATE jobs SET state = 'retryable', holder = NULL, failure = @reason,
       attempt = CASE WHEN @permanent THEN max_attempts ELSE attempt END,
       due_at = now() + least(attempt ^ 4, 86400) * interval '1 second'
WHERE id = @id AND holder = @holder
RETURNING id AS job_id, kind, key, failure AS reason, attempt >= max_attempts AS exhausted`
	returnJob = `UPDATE jobs SET state = 'available', holder = NULL, due_at = now() WHERE id = $1 AND holder = $2`
)

// settle records the outcome of an attempt that did not complete the job.
func (j *Job) settle(ctx context.Context, err error) error {
	log := slog.With("job", j.id, "kind", j.spec.Kind, "key", j.spec.Key, "attempt", j.Attempt)
	switch {
	case errors.Is(err, ErrLost):
		log.WarnContext(ctx, "job lost to another worker", "error", err)
		return nil
	case ctx.Err() != nil: // this process is shutting down
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if _, failed := j.worker.db.Exec(ctx, returnJob, j.id, j.holder); failed != nil {
			log.WarnContext(ctx, "job not released; its lease will expire", "error", failed)
		}
		return err
	}
	log.ErrorContext(ctx, "attempt failed", "error", err)
	reason, permanent := fmt.Sprintf("An internal error occurred %d times in a row. Try again later.", j.Attempt), false
	if f, ok := fault.As(err); ok && f.Kind != fault.Internal && f.Kind != fault.RateLimited && f.Kind != fault.Unavailable {
		reason, permanent = f.Detail, true
	}
	arguments := pgx.NamedArgs{"id": j.id, "holder": j.holder, "reason": reason, "permanent": permanent}
	return j.worker.db.Transact(ctx, func(tx *outbox.Tx) error { return fail(ctx, tx, failAttempt, arguments) })
}

type failed struct {
	JobID             uuid.UUID
	Kind, Key, Reason string
	Exhausted         bool
}

// fail runs a statement that ends attempts, and publishes JobFailed for jobs that have none left.
func fail(ctx context.Context, tx *outbox.Tx, sql string, arguments ...any) error {
	rows, _ := tx.Query(ctx, sql, arguments...)
	jobs, err := pgx.CollectRows(rows, pgx.RowToStructByName[failed])
	if err != nil {
		return fmt.Errorf("end attempt: %w", err)
	}
	for _, j := range jobs {
		if !j.Exhausted {
			continue
		}
		if err := tx.Publish(ctx, events.JobFailed{JobID: j.JobID, Kind: j.Kind, Key: j.Key, Reason: j.Reason}); err != nil {
			return err
		}
	}
	return nil
}

// Resume decodes the checkpoint of an earlier attempt. It returns false if there is none.
func (j *Job) Resume(into any) (bool, error) {
	if j.checkpoint == nil {
		return false, nil
	}
	if err := json.Unmarshal(j.checkpoint, into); err != nil {
		return false, fmt.Errorf("decode checkpoint of job %s: %w", j.id, err)
	}
	return true, nil
}
