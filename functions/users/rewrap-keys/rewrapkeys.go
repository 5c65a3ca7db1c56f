// Package rewrapkeys wraps the keys of people, registrations, invitations and mails, and the seeds of
// signing keys, with the current key encryption key after a rotation. It runs every hour, and does
// nothing before the first rotation. What the keys seal does not change.
package rewrapkeys

import (
	"context"

	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/rewrap"
	"function/shared/secret"
)

// Service declares the function.
var Service = function.Scheduled("users-rewrap-keys", function.Schedule{Cron: "33 * * * *"}, New).
	Uses(function.Owns(database.Users), function.Keys)

// Function rewraps keys.
type Function struct {
	db   *outbox.DB
	keys *secret.Keeper
}

// New connects the function to its database and the keys.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Users)
	if err != nil {
		return nil, err
	}
	keys, err := env.Keeper(ctx)
	return &Function{db: db, keys: keys}, err
}

// Handle rewraps what the current key has not wrapped.
func (f *Function) Handle(ctx context.Context) error {
	return rewrap.All(ctx, f.db, f.keys,
		rewrap.Column{Table: "users", Name: "wrapped_key"},
		rewrap.Column{Table: "registrations", Name: "wrapped_key"},
		rewrap.Column{Table: "invitations", Name: "wrapped_key"},
		rewrap.Column{Table: "mails", Name: "wrapped_key"},
		rewrap.Column{Table: "provisioned_people", Name: "wrapped_key"},
		rewrap.Column{Table: "signing_keys", Name: "sealed_seed"})
}
