package store

import (
	"context"
	"fmt"
	"time"

	"function/shared/outbox"
)

// Allowance limits how often something may happen: burst times at once and once more per
// interval after that.
type Allowance struct {
	Burst int
	Every time.Duration
}

// Concurrent attempts cannot exceed the allowance, since the limiter's row is locked.
const (
	spend    = `SELECT granted FROM published.rate_limit($1, $2, $3, 1)`
	giveBack = `UPDATE rate_limits SET tat = tat - $2::interval WHERE key = $1`
)

func (a Allowance) Take(ctx context.Context, db RowQuerier, key []byte) (bool, error) {
	var granted int
	if err := db.QueryRow(ctx, spend, key, a.Every.Microseconds(), a.Burst).Scan(&granted); err != nil {
		return false, fmt.Errorf("take from an allowance: %w", err)
	}
	return granted == 1, nil
}

// Restore returns what was taken.
func (a Allowance) Restore(ctx context.Context, db *outbox.DB, key []byte) error {
	if _, err := db.Exec(ctx, giveBack, key, a.Every); err != nil {
		return fmt.Errorf("give back to an allowance: %w", err)
	}
	return nil
}
