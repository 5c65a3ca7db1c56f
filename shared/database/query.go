package database

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Querier runs a query: a pool or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// One returns the only row of a query as a T, matching columns to the names of T's fields.
// If there is no row, it returns missing: the refusal of an unknown identifier, or
// [pgx.ErrNoRows] where a row always exists or [IsNoRows] decides.
func One[T any](ctx context.Context, db Querier, missing error, sql string, args ...any) (T, error) {
	rows, _ := db.Query(ctx, sql, args...) // CollectExactlyOneRow returns its error
	row, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[T])
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return row, missing
	case err != nil:
		return row, fmt.Errorf("read one %T: %w", row, err)
	}
	return row, nil
}
