// Package recorddisposal records the data that a retention policy disposed of. It runs when a
// domain has disposed of data.
package recorddisposal

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"function/functions/compliance/internal/retention"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/uuid7"
)

// Service declares the function.
var Service = function.Subscriber("compliance-record-disposal", New).
	Uses(function.Owns(database.Compliance))

// Function records disposals.
type Function struct{ retention.Store }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := retention.Open(ctx, env)
	return &Function{store}, err
}

var (
	table   = pgx.Identifier{"compliance", "retention_disposals"}
	columns = []string{"id", "sweep_id", "resource", "organization_id", "keep_days", "cutoff", "items", "bytes", "oldest", "newest", "disposed_at"}
)

// Handle inserts one record for each organization whose data was disposed of.
func (f *Function) Handle(ctx context.Context, e events.Received[events.Disposed]) error {
	if !retention.Resource(e.Data.Resource).Known() {
		return fault.New(fault.Invalid, "There are no retention policies for %q", e.Data.Resource)
	}
	var records [][]any
	for _, o := range e.Data.Organizations {
		if o.Items == 0 {
			continue
		}
		id := uuid7.New()
		records = append(records, []any{id, e.Data.SweepID, e.Data.Resource, o.OrganizationID, o.KeepDays, o.Cutoff, o.Items, o.Bytes, o.Oldest, o.Newest, e.Data.DisposedAt})
	}
	err := outbox.Once(ctx, f.DB, e, func(tx *outbox.Tx) error {
		_, err := tx.CopyFrom(ctx, table, columns, pgx.CopyFromRows(records))
		return err
	})
	if database.Violates(err, "retention_disposals_sweep") {
		return fault.New(fault.Invalid, "No retention sweep requested this disposal").Because(err)
	}
	if err != nil {
		return fmt.Errorf("record disposal: %w", err)
	}
	return nil
}
