// Package store opens the database and keys that every function of the users domain needs,
// and provides what they share: the caller's organization, settings and locks.
package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/secret"
)

// MaxCodeAttempts is the number of wrong second factors allowed per login.
const MaxCodeAttempts = 5

// RowQuerier reads a single row: a transaction or a pool.
type RowQuerier interface {
	QueryRow(context.Context, string, ...any) pgx.Row
}

// Store holds the domain's database and the keys that seal personal data in it.
type Store struct {
	DB     *outbox.DB
	Keeper *secret.Keeper // nil where the function does not declare function.Keys
}

// Open opens the domain's database, and the keys if the function declares them.
func Open(ctx context.Context, env *function.Env) (Store, error) {
	db, err := env.Database(ctx, database.Users)
	if err != nil || !env.Declares(function.Keys) {
		return Store{DB: db}, err
	}
	keeper, err := env.Keeper(ctx)
	if err != nil {
		return Store{}, err
	}
	db.Sources = func(address string) []byte { return keeper.BlindIndex("refusal_counts", address) }
	return Store{DB: db, Keeper: keeper}, nil
}
