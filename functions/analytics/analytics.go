// Package analytics holds the words and SQL that the functions of the analytics
// domain share: how a person's own SQL is run, reports, and their runs.
package analytics

import (
	"context"

	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
)

// Store is what the functions of this domain open.
type Store struct{ DB *outbox.DB }

// Open opens the domain's database.
func Open(ctx context.Context, env *function.Env) (Store, error) {
	db, err := env.Database(ctx, database.Analytics)
	return Store{DB: db}, err
}
