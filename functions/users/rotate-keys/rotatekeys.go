// Package rotatekeys creates the next key that signs access tokens and retires the previous one.
// It runs every night at 03:15 UTC and rotates once every SIGNING_KEY_DAYS.
package rotatekeys

import (
	"context"
	"fmt"
	"time"

	"function/functions/users/internal/session"
	"function/functions/users/internal/store"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
)

// Service declares the function.
var Service = function.Scheduled("users-rotate-keys", function.Schedule{Cron: "15 3 * * *"}, New).
	Uses(function.Owns(database.Users), function.Keys)

// Function rotates keys.
type Function struct {
	store  store.Store
	issuer *auth.Issuer
	age    time.Duration
}

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	if env.Config.SigningKeyDays < 1 {
		return nil, fmt.Errorf("SIGNING_KEY_DAYS is %d, but must be at least 1", env.Config.SigningKeyDays)
	}
	store, err := store.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	return &Function{store: store, issuer: session.NewIssuer(store, env), age: time.Duration(env.Config.SigningKeyDays) * 24 * time.Hour}, nil
}

// Handle rotates the key if it is due. A second run creates no other key.
func (f *Function) Handle(ctx context.Context) error {
	return f.store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		kid, err := f.issuer.Rotate(ctx, tx, f.age)
		if err != nil || kid == "" {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Action: "signing_keys:rotate", ResourceID: kid})
	})
}
