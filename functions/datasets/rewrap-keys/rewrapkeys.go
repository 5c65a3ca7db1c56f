// Package rewrapkeys wraps the data keys of versions and uploads with the current key encryption key
// after a rotation. It runs every hour, and does nothing before the first rotation. The
// stored data and their copies in the backup do not change.
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
var Service = function.Scheduled("datasets-rewrap-keys", function.Schedule{Cron: "23 * * * *"}, New).
	Uses(function.Owns(database.Datasets), function.Keys)

// Function rewraps keys.
type Function struct {
	db   *outbox.DB
	keys *secret.Keeper
}

// New connects the function to its database and the keys.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	if err != nil {
		return nil, err
	}
	keys, err := env.Keeper(ctx)
	return &Function{db: db, keys: keys}, err
}

// Handle rewraps what the current key has not wrapped.
func (f *Function) Handle(ctx context.Context) error {
	return rewrap.All(ctx, f.db, f.keys,
		rewrap.Column{Table: "dataset_versions", Name: "wrapped_key"},
		rewrap.Column{Table: "dataset_version_parts", Name: "wrapped_key"},
		rewrap.Column{Table: "uploads", Name: "wrapped_key"})
}
