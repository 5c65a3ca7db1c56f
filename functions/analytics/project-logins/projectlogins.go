// Package projectlogins keeps the projection of logins, which SQL over postgresql
// sees as the table logins. It runs when a session has begun.
package projectlogins

import (
	"context"
	"fmt"

	"function/functions/analytics"
	"function/shared/events"
	"function/shared/function"
	"function/shared/outbox"
)

// Function projects logins.
type Function struct{ analytics.Store }

// New opens the projection.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := analytics.Open(ctx, env)
	return &Function{store}, err
}

const insertLogin = `
INSERT INTO projections.logins (id, user_id, organization_id, logged_in_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (id) DO NOTHING`

// Handle adds the login.
func (f *Function) Handle(ctx context.Context, e events.Received[events.UserLoggedIn]) error {
	return outbox.Once(ctx, f.DB, e, func(tx *outbox.Tx) error {
		login := e.Data
		if _, err := tx.Exec(ctx, insertLogin, login.SessionID, login.UserID, login.OrganizationID, login.LoggedInAt); err != nil {
			return fmt.Errorf("project login: %w", err)
		}
		return nil
	})
}
