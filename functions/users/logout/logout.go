// Package logout ends a session: POST /v1/users/logout.
package logout

import (
	"context"
	"fmt"

	"function/functions/users/internal/store"
	"function/shared/audit"
	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Post("users-logout", "/v1/users/logout", "Log out", policy.Person.BeforeSetup()).
	Describe("Ends the session. Its access and refresh tokens are refused everywhere within a second."), New).
	Uses(function.Owns(database.Users))

// Function ends sessions.
type Function struct{ store store.Store }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	return &Function{store}, err
}

const endSession = `UPDATE sessions SET ended_at = now(), end_reason = 'logout' WHERE id = $1 AND ended_at IS NULL`

// Handle ends the caller's session.
func (f *Function) Handle(ctx context.Context, _ *struct{}) (*struct{}, error) {
	caller, err := store.RequireSession(ctx)
	if err != nil {
		return nil, err
	}
	err = f.store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		ended, err := tx.Exec(ctx, endSession, caller.SessionID)
		if err != nil || ended.RowsAffected() == 0 {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Action: "sessions:end", ResourceID: caller.SessionID.String()})
	})
	if err != nil {
		return nil, fmt.Errorf("end session: %w", err)
	}
	return nil, nil
}
