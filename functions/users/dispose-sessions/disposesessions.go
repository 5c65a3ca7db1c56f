// Package disposesessions deletes sessions, with their refresh tokens, that ended
// longer ago than a retention policy keeps them. It runs when the retention sweep
// asks for it, and answers what it disposed of.
package disposesessions

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"function/functions/users"
	"function/shared/audit"
	"function/shared/events"
	"function/shared/function"
	"function/shared/outbox"
)

// Function disposes of sessions.
type Function struct{ users.Store }

// New opens the sessions.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	return &Function{store}, err
}

const dispose = `
WITH disposed AS (
    DELETE FROM sessions
    WHERE least(ended_at, expires_at) < @cutoff
      AND (@only = '00000000-0000-0000-0000-000000000000'::uuid OR organization_id = @only)
      AND organization_id <> ALL (coalesce(@except::uuid[], '{}'))
    RETURNING organization_id, least(ended_at, expires_at) AS over
)
SELECT organization_id, count(*) AS items, 0::bigint AS bytes, min(over) AS oldest, max(over) AS newest
FROM disposed GROUP BY organization_id`

// Handle deletes what is over and publishes the counts, in one transaction.
func (f *Function) Handle(ctx context.Context, e events.Received[events.SessionDisposalRequested]) error {
	return outbox.Once(ctx, f.DB, e, func(tx *outbox.Tx) error {
		rows, _ := tx.Query(ctx, dispose, pgx.NamedArgs{"cutoff": e.Data.Cutoff, "only": e.Data.Only, "except": e.Data.Except})
		counts, err := pgx.CollectRows(rows, pgx.RowToStructByName[events.DisposedCount])
		if err != nil {
			return fmt.Errorf("delete sessions: %w", err)
		}
		for _, c := range counts {
			detail := map[string]any{"items": c.Items, "policy": e.Data.PolicyID, "sweep": e.Data.SweepID, "cutoff": e.Data.Cutoff}
			if err := audit.Record(ctx, tx, audit.Entry{Action: "retention:dispose", ResourceID: "sessions", OrganizationID: c.OrganizationID, Detail: detail}); err != nil {
				return err
			}
		}
		for _, disposed := range e.Data.Disposed(counts, time.Now().UTC()) {
			if err := tx.Publish(ctx, disposed); err != nil {
				return err
			}
		}
		return nil
	})
}
