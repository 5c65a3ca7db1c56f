package staging

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// An object that was created more than StaleAfter ago and belongs to no version is abandoned, as
// is a bucket's temporary file that has not been written to for unwrittenAfter.
const (
	StaleAfter     = 24 * time.Hour
	unwrittenAfter = time.Hour
)

// The parts of an upload are kept as long as the upload.
const selectStale = `
SELECT name, storage_type FROM staged_objects
WHERE created_at < now() - $1::interval AND NOT EXISTS (SELECT FROM upload_parts WHERE object_name = name) ORDER BY created_at LIMIT 1000`

// Sweep removes objects that crashed writers left behind.
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
		if _, err := bucket.Sweep(ctx, time.Now().Add(-unwrittenAfter)); err != nil {
			return fmt.Errorf("sweep bucket of %s storage: %w", o.StorageType, err)
		}
	}
	return nil
}
