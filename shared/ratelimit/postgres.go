package ratelimit

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Postgres stores the keys in an unlogged table of user_management_db. A crash of the server resets
// all limits.
type Postgres struct{ pool *pgxpool.Pool }

// NewPostgres returns a store. The pool's role must have access to published.rate_limit, as
// token_verifier has.
func NewPostgres(pool *pgxpool.Pool) *Postgres { return &Postgres{pool} }

const take = `SELECT granted, whole FROM published.rate_limit($1, $2, $3, $4)`

// Take implements Store.
func (p *Postgres) Take(ctx context.Context, key []byte, l Limit, cells int) (g Grant, err error) {
	var whole int64
	err = p.pool.QueryRow(ctx, take, key, l.Cell().Microseconds(), l.Quota, cells).Scan(&g.Cells, &whole)
	if err != nil {
		return g, fmt.Errorf("take cells of a rate limit: %w", err)
	}
	g.Whole = time.Duration(whole) * time.Microsecond
	return g, nil
}
