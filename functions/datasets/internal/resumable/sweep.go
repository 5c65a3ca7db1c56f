package resumable

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/outbox"
)

// keepRows is how long an upload that has ended can still be asked for.
const keepRows = 30 * 24 * time.Hour

const (
	selectExpired = `
SELECT u.id, d.storage_type FROM uploads u JOIN datasets d ON d.id = u.dataset_id
WHERE u.expires_at < now() AND EXISTS (SELECT FROM upload_parts WHERE upload_id = u.id) ORDER BY u.expires_at LIMIT 500`
	// A request that is writing can no longer commit.
	fenceExpired  = `UPDATE uploads SET writer = writer + 1 WHERE id = $1 AND expires_at < now()`
	deleteExpired = `DELETE FROM uploads WHERE expires_at < now() - $1::interval`
	// Their parts are uploads.
	deleteMultiparts = `DELETE FROM s3_uploads WHERE created_at < now() - $1::interval`
	deleteWritten    = `DELETE FROM written_files WHERE created_at < now() - $1::interval`
)

// Sweep removes the bytes of uploads that have expired and of direct uploads that have ended, and
// forgets those that ended long ago.
func (s *Store) Sweep(ctx context.Context) error {
	rows, _ := s.DB.Query(ctx, selectExpired)
	expired, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
		ID          uuid.UUID
		StorageType string
	}])
	if err != nil {
		return fmt.Errorf("list expired uploads: %w", err)
	}
	for _, u := range expired {
		var names []string
		err := s.DB.Transact(ctx, func(tx *outbox.Tx) error {
			fenced, err := tx.Exec(ctx, fenceExpired, u.ID)
			if err != nil || fenced.RowsAffected() == 0 {
				return err
			}
			names, err = takeParts(ctx, tx, u.ID)
			return err
		})
		if err != nil {
			return fmt.Errorf("sweep upload %s: %w", u.ID, err)
		}
		s.Area.Discard(ctx, u.StorageType, names...)
	}
	if _, err := s.DB.Exec(ctx, deleteExpired, keepRows); err != nil {
		return fmt.Errorf("forget uploads: %w", err)
	}
	if _, err := s.DB.Exec(ctx, deleteMultiparts, keepRows); err != nil {
		return fmt.Errorf("forget multipart uploads: %w", err)
	}
	if _, err := s.DB.Exec(ctx, deleteWritten, keepRows); err != nil {
		return fmt.Errorf("forget written files: %w", err)
	}
	return s.Area.SweepPuts(ctx)
}
