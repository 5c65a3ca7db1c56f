// Package job runs work that takes longer than a transaction should: profiling a
// file, running a report.
//
// A job is a row, enqueued in the transaction of its cause together with the event
// that wakes the function that works on it:
//
//	job.Enqueue(ctx, tx, job.Spec{Kind: "datasets-profile", Key: key}, events.ProfileRequested{…})
//
// That function runs it. While it works it holds a lease, which it renews, and no
// connection; Complete writes the result in the transaction that ends the job:
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
// Cancel ends a job in any of them as cancelled. When the last attempt has failed,
// events.JobFailed tells the domain, which calls Discard in the transaction that makes
// the failure its own state.
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
	Available = "available" // waits for a delivery of its event
	Running   = "running"
	Retryable = "retryable" // the last attempt failed
	Completed = "completed"
	Cancelled = "cancelled"
	Discarded = "discarded" // every attempt failed
)

// Spec says what a job is.
type Spec struct {
	Kind     string // the function that works on it
	Key      string // what it works on: there is at most one unfinished job of a kind and key
	Attempts int    // zero: 6, over a quarter of an hour
}

const defaultAttempts = 6

// firstDelivery is how long the event of a new job has before it is published again.
const firstDelivery = 2 * time.Minute

// ErrExists: there is an unfinished job of this kind and key.
var ErrExists = errors.New("the job already exists")

const insertJob = `
INSERT INTO jobs (id, kind, key, source, event_id, event, max_attempts, due_at)
VALUES ($1, $2, $3, $4, $5, $6, coalesce(nullif($7, 0), $8), now() + $9::interval)
ON CONFLICT DO NOTHING`

// Enqueue publishes an event and makes the job that it starts; ErrExists if there is one.
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

// Cancel ends the unfinished jobs of a kind and some keys. One that is running has its
// context cancelled within the time of a heartbeat, and can no longer complete.
func Cancel(ctx context.Context, tx *outbox.Tx, kind string, keys ...string) error {
	if _, err := tx.Exec(ctx, cancelJobs, kind, keys); err != nil {
		return fmt.Errorf("cancel jobs: %w", err)
	}
	return nil
}

const discardJob = `
UPDATE jobs SET state = 'discarded', event = NULL, finished_at = now()
WHERE id = $1 AND finished_at IS NULL AND state <> 'running' AND attempt >= max_attempts RETURNING key`

// Discard ends a job whose attempts have failed, as events.JobFailed told. false: there
// is nothing to end, because it has ended already.
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
