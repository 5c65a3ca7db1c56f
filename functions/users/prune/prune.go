// Package prune deletes expired rows: unconfirmed registrations, mailed tokens, used refresh
// tokens, challenges, guesses, requests, mails, and invitations. It runs every hour.
package prune

import (
	"context"
	"fmt"
	"log/slog"

	"function/functions/users/internal/store"
	"function/shared/database"
	"function/shared/function"
)

// Service declares the function.
var Service = function.Scheduled("users-prune", function.Schedule{Cron: "17 * * * *"}, New).
	Uses(function.Owns(database.Users))

// Function deletes expired rows.
type Function struct{ store store.Store }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	return &Function{store}, err
}

// expired lists the condition of expired rows for each table. Mails are kept for a day longer than
// they may be sent (mail.GoodFor). Used refresh tokens are kept for as long as a session lasts
// by default without a refresh, because the reuse of one reveals a thief while the owner may
// still return with it. A token that has been deleted is refused like an unknown one.
var expired = []struct{ table, condition string }{
	{"registrations", "expires_at < now()"},
	{"mailed_tokens", "expires_at < now()"},
	{"refresh_tokens", "used_at < now() - interval '7 days'"},
	{"challenges", "expires_at < now()"},
	{"password_reset_requests", "requested_at < now() - interval '1 day'"},
	{"mails", "created_at < now() - interval '8 days'"},
	{"invitations", "least(ended_at, expires_at) < now() - interval '1 day'"},
	{"guesses", "last_at < now() - interval '1 day'"},
}

// Rows are deleted in batches, so that none is locked for long. The next hour deletes what is
// left after a number of batches.
const (
	batch   = 1000
	batches = 200
)

const deleteSome = `
DELETE FROM %[1]s WHERE ctid = ANY (ARRAY (SELECT ctid FROM %[1]s WHERE %[2]s LIMIT %[3]d FOR UPDATE SKIP LOCKED))`

// Handle deletes expired rows.
func (f *Function) Handle(ctx context.Context) error {
	for _, o := range expired {
		statement := fmt.Sprintf(deleteSome, o.table, o.condition, batch)
		deleted := int64(0)
		for range batches {
			tag, err := f.store.DB.Exec(ctx, statement)
			if err != nil {
				return fmt.Errorf("prune %s: %w", o.table, err)
			}
			deleted += tag.RowsAffected()
			if tag.RowsAffected() < batch {
				break
			}
		}
		if deleted > 0 {
			slog.InfoContext(ctx, "pruned", "table", o.table, "rows", deleted)
		}
	}
	return nil
}
