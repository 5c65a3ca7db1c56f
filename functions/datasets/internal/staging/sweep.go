package staging

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"function/shared/database"
)

// An object that was created more than StaleAfter ago and belongs to no version is abandoned, as
// is a bucket's temporary file that has not been written to for unwrittenAfter.
const (
	StaleAfter     = 24 * time.Hour
	unwrittenAfter = time.Hour
)

// The parts of an upload are kept as long as the upload.
const deleteStale = `
DELETE FROM staged_objects
WHERE name = ANY (ARRAY (
    SELECT name FROM staged_objects
    WHERE created_at < now() - $1::interval AND NOT EXISTS (SELECT FROM upload_parts WHERE object_name = name)
    ORDER BY created_at LIMIT 500 FOR UPDATE SKIP LOCKED))
RETURNING name, storage_type`

// atOnce is how many objects are deleted at a time.
const atOnce = 16

// Sweep deletes objects that no version has: those of crashed writers, those that were released,
// those of direct uploads that have ended, and copies in the archive.
// The transaction that deletes their rows commits after they are gone, so that none is forgotten.
func (a Area) Sweep(ctx context.Context) error {
	swept := map[string]bool{}
	for more := true; more; {
		err := database.Transact(ctx, a.DB.Pool, func(tx *database.Tx) error {
			rows, _ := tx.Query(ctx, deleteStale, StaleAfter)
			stale, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Name, StorageType string }])
			if more = len(stale) > 0; err != nil {
				return fmt.Errorf("list stale objects: %w", err)
			}
			var deleting errgroup.Group
			deleting.SetLimit(atOnce)
			for _, o := range stale {
				swept[o.StorageType] = true
				deleting.Go(func() error { return a.delete(ctx, o.Name, o.StorageType) })
			}
			return deleting.Wait()
		})
		if err != nil {
			return fmt.Errorf("sweep objects: %w", err)
		}
	}
	for storageType := range swept {
		bucket, err := a.Bucket(ctx, storageType)
		if err != nil {
			return err
		}
		if _, err := bucket.Sweep(ctx, time.Now().Add(-unwrittenAfter)); err != nil {
			return fmt.Errorf("sweep bucket of %s storage: %w", storageType, err)
		}
	}
	unfinished := time.Now().Add(-unwrittenAfter)
	if err := a.Backups.SweepUnfinished(ctx, unfinished); err != nil {
		return err
	}
	return errors.Join(a.Archives.Sweep(ctx, a.DB, unfinished), a.SweepPuts(ctx))
}

func (a Area) delete(ctx context.Context, name, storageType string) error {
	bucket, err := a.Bucket(ctx, storageType)
	if err != nil {
		return err
	}
	if err := bucket.Delete(ctx, name); err != nil {
		return fmt.Errorf("delete object %s: %w", name, err)
	}
	return nil
}
