// Package deadletters stores the events that could not be delivered, with the reason. It
// publishes events.DeliveryFailed for each, so that the job that waits for the event is retried
// or fails, and sends an event again when an owner requests it. It runs as the dead-letter sink
// of every Trigger, and for GET /v1/platform/dead-letters, GET /v1/platform/dead-letters/{id} and
// POST /v1/platform/dead-letters/{id}/redeliver.
package deadletters

import (
	"context"
	"fmt"
	"net/http"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/uuid7"
)

// Service declares the function.
var Service = function.Service("platform-dead-letters", New,
	function.OnDeadLetter((*Function).Keep),
	function.On(function.Get("platform-list-dead-letters", "/v1/platform/dead-letters", "List the events that could not be delivered", policy.DeadLettersRead).
		Describe("Lists the events of your organization. Platform admins also see those that belong to no organization."), (*Function).List),
	function.On(function.Get("platform-get-dead-letter", "/v1/platform/dead-letters/{id}", "Show a dead letter with its event", policy.DeadLettersRead), (*Function).Get),
	function.On(function.Post("platform-redeliver-dead-letter", "/v1/platform/dead-letters/{id}/redeliver", "Deliver a dead letter again", policy.DeadLettersWrite).
		Status(http.StatusAccepted).Fails(fault.Unavailable).
		Describe("Sends the event as it was published to every subscriber. Subscribers that have already handled it ignore it."), (*Function).Redeliver),
).
	Uses(function.Owns(database.Analytics))

// Function stores, shows and redelivers dead letters.
type Function struct {
	db     *outbox.DB
	sender *outbox.Sender
}

// New connects the function to its database and the broker.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Analytics)
	return &Function{db: db, sender: env.Sender()}, err
}

const upsertLetter = `
INSERT INTO platform.dead_letters (id, organization_id, source, event_id, event_type, destination, event, status_code, reason)
VALUES (@id, @organization, @source, @event_id, @event_type, @destination, @event, @status, @reason)
ON CONFLICT ON CONSTRAINT dead_letter DO UPDATE
SET event = excluded.event, status_code = excluded.status_code, reason = excluded.reason,
    deliveries = dead_letters.deliveries + 1, failed_at = now()`

// Keep stores an event that a destination did not accept.
func (f *Function) Keep(ctx context.Context, e cloudevents.Event) error {
	id := uuid7.New()
	why := failureOf(e)
	event, err := encode(original(e))
	if err != nil {
		return fault.New(fault.Invalid, "This event cannot be stored as JSON").Because(err)
	}
	letter := pgx.NamedArgs{
		"id": id, "organization": organizationOf(e), "source": storable(e.Source(), maxName), "event_id": storable(e.ID(), maxName),
		"event_type": storable(e.Type(), maxName), "destination": why.destination, "event": event, "status": why.status, "reason": why.reason,
	}
	return f.db.Transact(ctx, func(tx *outbox.Tx) error {
		if _, err := tx.Exec(ctx, upsertLetter, letter); err != nil {
			return fmt.Errorf("keep dead letter %s: %w", e.ID(), err)
		}
		if e.Type() == (events.DeliveryFailed{}).EventType() {
			return nil // publishing again would never end
		}
		return tx.Publish(ctx, events.DeliveryFailed{
			Function: why.function(), Source: storable(e.Source(), maxName), EventID: storable(e.ID(), maxName),
			Permanent: why.permanent(), Reason: why.reason,
		})
	})
}
