// Package outboxrelay sends the events that the broker has not confirmed yet and rescues
// abandoned jobs by publishing their events again, in every database. It runs every minute, and
// when an event becomes a dead letter, which ends an attempt at the job that the event starts.
package outboxrelay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/job"
	"function/shared/outbox"
)

// Service declares the function.
var Service = function.Service("platform-outbox-relay", New,
	function.OnSchedule(function.Schedule{Cron: "* * * * *"}, (*Function).Handle),
	function.OnEvent((*Function).CountAttempt)).
	Uses(function.Owns(database.Users), function.Owns(database.Datasets), function.Owns(database.Analytics))

// Function relays events.
type Function struct {
	databases map[database.Name]*outbox.DB
	sender    *outbox.Sender
}

// New connects the function to every database and the broker.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	f := &Function{databases: map[database.Name]*outbox.DB{}, sender: env.Sender()}
	for _, name := range database.Names {
		db, err := env.Database(ctx, name)
		if err != nil {
			return nil, err
		}
		f.databases[name] = db
	}
	return f, nil
}

// Handle relays the events of every database. A failure in one does not stop the others.
func (f *Function) Handle(ctx context.Context) error {
	var failures []error
	for _, name := range database.Names {
		if err := f.relay(ctx, name); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(failures...)
}

func (f *Function) relay(ctx context.Context, name database.Name) error {
	db := f.databases[name]
	rescued, err := job.Rescue(ctx, db)
	if err != nil {
		slog.ErrorContext(ctx, "jobs not rescued", "database", name, "error", err) // relay events nevertheless
	}
	if rescued > 0 {
		slog.InfoContext(ctx, "jobs rescued", "database", name, "jobs", rescued)
	}
	return errors.Join(err, f.relayEvents(ctx, name, db), job.Prune(ctx, db))
}

func (f *Function) relayEvents(ctx context.Context, name database.Name, db *outbox.DB) error {
	pool := db.Pool
	sent, failed, err := f.sender.Relay(ctx, pool)
	if sent+failed > 0 {
		slog.InfoContext(ctx, "events relayed", "database", name, "sent", sent, "failed", failed)
	}
	if err != nil {
		return err
	}
	return outbox.Prune(ctx, pool)
}

// CountAttempt ends the attempt at the job whose event could not be delivered.
func (f *Function) CountAttempt(ctx context.Context, e events.Received[events.DeliveryFailed]) error {
	for _, name := range database.Names {
		err := outbox.Once(ctx, f.databases[name], e, func(tx *outbox.Tx) error { return job.DeliveryFailed(ctx, tx, e.Data) })
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
