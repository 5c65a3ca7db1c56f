// Package outboxrelay sends the events that the broker has not confirmed yet, of
// every database. It runs every minute.
package outboxrelay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
)

// Service declares the function.
var Service = function.Scheduled("platform-outbox-relay", function.Schedule{Cron: "* * * * *"}, New).
	Uses(function.Owns(database.Users), function.Owns(database.Datasets), function.Owns(database.Analytics))

// Function relays events.
type Function struct {
	databases map[database.Name]*outbox.DB
	sender    *outbox.Sender
}

// New opens every database.
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

// Handle relays what is due; a database that fails does not keep the others waiting.
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
	pool := f.databases[name].Pool
	sent, failed, err := f.sender.Relay(ctx, pool)
	if sent+failed > 0 {
		slog.InfoContext(ctx, "events relayed", "database", name, "sent", sent, "failed", failed)
	}
	if err != nil {
		return err
	}
	return outbox.Prune(ctx, pool)
}
