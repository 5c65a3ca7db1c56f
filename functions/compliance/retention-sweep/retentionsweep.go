// Package retentionsweep asks the domains to dispose of the data that the retention policies no
// longer keep. It runs every night at 02:30 UTC.
package retentionsweep

import (
	"context"
	"fmt"
	"time"

	"function/functions/compliance/internal/retention"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/uuid7"
)

// Service declares the function.
var Service = function.Scheduled("compliance-retention-sweep", function.Schedule{Cron: "30 2 * * *"}, New).
	Uses(function.Owns(database.Compliance))

// Function starts sweeps.
type Function struct{ retention.Store }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := retention.Open(ctx, env)
	return &Function{store}, err
}

const insertSweep = `INSERT INTO compliance.retention_sweeps (id) VALUES ($1) RETURNING started_at`

// Handle records the sweep and publishes one request for each resource. A second sweep on the
// same day finds nothing left to dispose of.
func (f *Function) Handle(ctx context.Context) error {
	sweep := uuid7.New()
	return f.DB.Transact(ctx, func(tx *outbox.Tx) error {
		if err := retention.Settle(ctx, tx); err != nil {
			return err
		}
		var at time.Time
		if err := tx.QueryRow(ctx, insertSweep, sweep).Scan(&at); err != nil {
			return fmt.Errorf("insert sweep: %w", err)
		}
		return retention.Request(ctx, tx, events.DisposalRequested{SweepID: sweep, At: at})
	})
}
