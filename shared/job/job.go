// Package job runs work that takes longer than a transaction should, such as profiling a file or
// running a report.
//
// A job is a row, enqueued in the transaction of its cause together with the event that starts the
// function that runs it:
//
//	job.Enqueue(ctx, tx, job.Spec{Kind: "datasets-profile", Key: key}, events.ProfileRequested{…})
//
// While that function works, it holds a lease, which it renews, and no connection. Complete writes
// the result in the transaction that ends the job:
//
//	worker.Run(ctx, spec, e, func(ctx context.Context, j *job.Job) error {
//		result, err := work(ctx, j)
//		…
//		return j.Complete(ctx, func(tx *outbox.Tx) error { return write(ctx, tx, result) })
//	})
//
// The states are those of riverqueue/river:
//
//	available ─► running ─► completed
//	    ▲           ├─────► retryable ─► available    an attempt failed; after a pause, the next
//	    │           └─────► available                 the lease ended: its process is gone
//	    └─ Rescue publishes the event again
//
// Cancel ends a job in any of these states as cancelled. When the last attempt has failed,
// events.JobFailed informs the domain, which calls Discard in the transaction that records the
// failure in its own state.
package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"function/shared/database"
	"function/shared/events"
	"function/shared/outbox"
	"function/shared/uuid7"
)

// The states of a job.
const (
	Available = "available" // waits for its event to be delivered
	Running   = "running"
	Retryable = "retryable" // the last attempt failed
	Completed = "completed"
	Cancelled = "cancelled"
	Discarded = "discarded" // every attempt failed
)

// Spec describes a job.
type Spec struct {
	Kind     string // the function that runs it
	Key      string // the object of the work; at most one unfinished job exists per kind and key
	Attempts int    // maximum number of attempts; zero: 6, over a quarter of an hour
}

const defaultAttempts = 6

// firstDelivery is how long a new job waits for its event before the event is published again.
const firstDelivery = 2 * time.Minute

// ErrExists is returned when an unfinished job of the same kind and key exists.
var ErrExists = errors.New("the job already exists")

const insertJob = `
INSERT INTO jobs (id, kind, key, source, event_id, event, max_attempts, due_at)
VALUES ($1, $2, $3, $4, $5, $6, coalesce(nullif($7, 0), $8), now() + $9::interval)
ON CONFLICT DO NOTHING`

// Enqueue publishes an event and inserts the job that it starts. It returns ErrExists if there is
// one.
func Enqueue(ctx context.Context, tx *outbox.Tx, spec Spec, e events.Event) error {
	event, err := tx.Envelope(ctx, e)
	if err != nil {
		return err
	}
	made, err := insert(ctx, tx, spec, event)
	if err != nil {
		return err
	}
	if !made {
		return fmt.Errorf("enqueue %s of %s: %w", spec.Kind, spec.Key, ErrExists)
	}
	return tx.Send(ctx, event)
}

func insert(ctx context.Context, db execer, spec Spec, event cloudevents.Event) (made bool, err error) {
	body, err := json.Marshal(event)
	if err != nil {
		return false, fmt.Errorf("encode event of job: %w", err)
	}
	inserted, err := db.Exec(ctx, insertJob, uuid7.New(), spec.Kind, spec.Key, event.Source(), event.ID(), body,
		spec.Attempts, defaultAttempts, firstDelivery)
	if err != nil {
		return false, fmt.Errorf("insert job: %w", err)
	}
	return inserted.RowsAffected() == 1, nil
}

const cancelJobs = `
UPDATE jobs SET state = 'cancelled', holder = NULL, event = NULL, finished_at = now()
WHERE kind = $1 AND key = ANY ($2) AND finished_at IS NULL`

// Cancel ends the unfinished jobs of a kind with the given keys. The context of a running job is
// cancelled at its next heartbeat, and the job can no longer complete. Cancel returns how many it ended.
func Cancel(ctx context.Context, tx *outbox.Tx, kind string, keys ...string) (int64, error) {
	cancelled, err := tx.Exec(ctx, cancelJobs, kind, keys)
	if err != nil {
		return 0, fmt.Errorf("cancel jobs: %w", err)
	}
	return cancelled.RowsAffected(), nil
}

const discardJob = `
UPDATE jobs SET state = 'discarded', event = NULL, finished_at = now()
WHERE id = $1 AND finished_at IS NULL AND state <> 'running' AND attempt >= max_attempts RETURNING key`

// Discard ends a job whose attempts have all failed, as events.JobFailed reported. It returns false
// if the job has already ended.
func Discard(ctx context.Context, tx *outbox.Tx, e events.JobFailed) (bool, error) {
	var key string
	err := tx.QueryRow(ctx, discardJob, e.JobID).Scan(&key)
	if database.IsNoRows(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("discard job %s: %w", e.JobID, err)
	}
	return true, nil
}
