// Package disposesessions deletes sessions, with their refresh tokens, that ended
// longer ago than a retention policy keeps them. It runs when the retention sweep
// asks for it, and answers what it disposed of.
package disposesessions

import (
	"context"
	"fmt"
	"time"

	"function/functions/users/internal/store"

	"github.com/jackc/pgx/v5"

	"function/shared/audit"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/outbox"
)

// Service declares the function.
var Service = function.Subscriber("users-dispose-sessions", New).
	Uses(function.Owns(database.Users))

// Function disposes of sessions.
type Function struct{ store.Store }

// New opens the sessions.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	return &Function{store}, err
}

const dispose = `
WITH disposed AS (
    DELETE FROM sessions WHERE id = ANY (ARRAY (
        SELECT id FROM sessions
        WHERE least(ended_at, expires_at) < @cutoff
          AND (@only = '00000000-0000-0000-0000-000000000000'::uuid OR organization_id = @only)
          AND organization_id <> ALL (coalesce(@except::uuid[], '{}'))
        ORDER BY least(ended_at, expires_at) LIMIT 500 FOR UPDATE))
    RETURNING organization_id, least(ended_at, expires_at) AS over
)
SELECT organization_id, count(*) AS items, 0::bigint AS bytes, min(over) AS oldest, max(over) AS newest
FROM disposed GROUP BY organization_id`

// Handle disposes of some sessions in each transaction, so that a disposal of many which
// dies goes on where it was. A second delivery finds nothing left.
func (f *Function) Handle(ctx context.Context, e events.Received[events.SessionDisposalRequested]) error {
	for more := true; more; {
		err := f.DB.Transact(ctx, func(tx *outbox.Tx) (err error) {
			more, err = disposeSome(ctx, tx, e.Data.Disposal)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// disposeSome disposes of the sessions that have been over for longest, and puts it on
// record; false: there were none.
func disposeSome(ctx context.Context, tx *outbox.Tx, d events.Disposal) (bool, error) {
	rows, _ := tx.Query(ctx, dispose, pgx.NamedArgs{"cutoff": d.Cutoff, "only": d.Only, "except": d.Except})
	counts, err := pgx.CollectRows(rows, pgx.RowToStructByName[events.DisposedCount])
	if err != nil {
		return false, fmt.Errorf("delete sessions: %w", err)
	}
	for _, c := range counts {
		detail := map[string]any{"items": c.Items, "policy": d.PolicyID, "sweep": d.SweepID, "cutoff": d.Cutoff}
		if err := audit.Record(ctx, tx, audit.Entry{Action: "retention:dispose", ResourceID: "sessions", OrganizationID: c.OrganizationID, Detail: detail}); err != nil {
			return false, err
		}
	}
	for _, disposed := range d.Disposed(counts, time.Now().UTC()) {
		if err := tx.Publish(ctx, disposed); err != nil {
			return false, err
		}
	}
	return len(counts) > 0, nil
}
