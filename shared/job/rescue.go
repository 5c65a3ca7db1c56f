package job

import (
	"context"
	"encoding/json"
	"fmt"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/events"
	"function/shared/outbox"
)

const (
	// An exhausted job waits for its domain to discard it; JobFailed is published every hour until
	// then.
	failExhausted = `
UPDATE jobs SET state = 'retryable', holder = NULL, due_at = now() + interval '1 hour',
       failure = CASE state WHEN 'running' THEN format('The process that worked on this ended without a result, %s times in a row. Try again later.', attempt)
                            ELSE coalesce(failure, 'The work could not be done. Try again later.') END
WHERE id IN (SELECT id FROM jobs WHERE finished_at IS NULL AND due_at <= now() AND attempt >= max_attempts
             ORDER BY due_at LIMIT 100 FOR UPDATE SKIP LOCKED)
RETURNING id AS job_id, kind, key, failure AS reason, true AS exhausted`

	// Published again after 2, 4, 8 … 64 minutes until a function takes it.
	makeAvailable = `
UPDATE jobs SET state = 'available', holder = NULL, publications = publications + 1,
       due_at = now() + 2 ^ least(publications + 1, 6) * interval '1 minute'
WHERE id IN (SELECT id FROM jobs WHERE finished_at IS NULL AND due_at <= now() AND attempt < max_attempts
             ORDER BY due_at LIMIT 100 FOR UPDATE SKIP LOCKED)
RETURNING id, event`
)

// Rescue publishes the events of due jobs again: jobs whose lease has ended, whose pause after a
// failed attempt is over, or whose first event was lost. It publishes JobFailed for jobs that have
// no attempt left. It returns the number of jobs published again.
func Rescue(ctx context.Context, db *outbox.DB) (rescued int, err error) {
	for {
		var some int
		err := db.Transact(ctx, func(tx *outbox.Tx) error {
			if err := fail(ctx, tx, failExhausted); err != nil {
				return err
			}
			some, err = publishAgain(ctx, tx)
			return err
		})
		rescued += some
		if err != nil {
			return rescued, fmt.Errorf("rescue jobs: %w", err)
		}
		if some == 0 {
			return rescued, nil
		}
	}
}

func publishAgain(ctx context.Context, tx *outbox.Tx) (int, error) {
	rows, _ := tx.Query(ctx, makeAvailable)
	jobs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
		ID    uuid.UUID
		Event json.RawMessage
	}])
	if err != nil {
		return 0, err
	}
	for _, j := range jobs {
		var event cloudevents.Event
		if err := json.Unmarshal(j.Event, &event); err != nil {
			return 0, fmt.Errorf("decode event of job %s: %w", j.ID, err)
		}
		if err := tx.Send(ctx, event); err != nil {
			return 0, fmt.Errorf("job %s: %w", j.ID, err)
		}
	}
	return len(jobs), nil
}

// undelivered counts a failed delivery as an attempt, unless the function has started to work on
// the job nevertheless.
const undelivered = `
UPDATE jobs SET state = 'retryable', attempt = CASE WHEN @permanent THEN max_attempts ELSE attempt + 1 END,
       failure = @reason, due_at = now() + least((attempt + 1) ^ 4, 86400) * interval '1 second'
WHERE kind = @kind AND source = @source AND event_id = @event AND state = 'available' AND attempt < max_attempts
RETURNING id AS job_id, kind, key, failure AS reason, attempt >= max_attempts AS exhausted`

// DeliveryFailed schedules the next attempt of a job whose event a function did not accept, until
// no attempts are left.
func DeliveryFailed(ctx context.Context, tx *outbox.Tx, e events.DeliveryFailed) error {
	reason := "The service that does this work did not respond. Try again later."
	if e.Permanent {
		reason = "The service that does this work refused it. Try again later; if it fails again, tell your administrator."
	}
	return fail(ctx, tx, undelivered, pgx.NamedArgs{
		"kind": e.Function, "source": e.Source, "event": e.EventID, "permanent": e.Permanent, "reason": reason,
	})
}

const prune = `DELETE FROM jobs WHERE finished_at < now() - interval '90 days'`

// Prune deletes jobs that ended more than 90 days ago. Nothing delivers their events again by then.
func Prune(ctx context.Context, db *outbox.DB) error {
	if _, err := db.Exec(ctx, prune); err != nil {
		return fmt.Errorf("prune jobs: %w", err)
	}
	return nil
}
