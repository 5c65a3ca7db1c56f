package staging

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// StaleAfter is how long an object may be written before the sweep takes it for
// left behind; unwritten is the same for a file that nothing is written to.
const (
	StaleAfter = 24 * time.Hour
	unwritten  = time.Hour
)

const selectStale = `SELECT name, storage_type FROM staged_objects WHERE created_at < now() - $1::interval ORDER BY created_at LIMIT 1000`

// Sweep removes the objects that writers which died have left behind.
func (a Area) Sweep(ctx context.Context) error {
	rows, _ := a.DB.Query(ctx, selectStale, StaleAfter)
	stale, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Name, StorageType string }])
	if err != nil {
		return fmt.Errorf("list stale objects: %w", err)
	}
	swept := map[string]bool{}
	for _, o := range stale {
		if err := a.discard(ctx, o.Name, o.StorageType); err != nil {
			return fmt.Errorf("sweep object %s: %w", o.Name, err)
		}
		if swept[o.StorageType] {
			continue
		}
		swept[o.StorageType] = true
		bucket, err := a.Bucket(ctx, o.StorageType)
		if err != nil {
			return err
		}
		if _, err := bucket.Sweep(ctx, time.Now().Add(-unwritten)); err != nil {
			return fmt.Errorf("sweep bucket of %s storage: %w", o.StorageType, err)
		}
	}
	return nil
}
