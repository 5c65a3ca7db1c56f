// Package written holds files that a client writes one by one, can read, copy and delete, and then commits: they become one
// version together. Until then only their writer sees them. Their bytes are partial uploads, and expire as those do.
package written

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/resumable"
	"function/functions/datasets/internal/stored"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
)

// Files are the files that a person writes to a data set.
type Files struct {
	Uploads     *resumable.Store
	Dataset     uuid.UUID
	StorageType string
	Person      uuid.UUID
}

// File is one of them.
type File struct {
	Key       string
	UploadIDs []uuid.UUID // none: the file is empty
	SizeBytes int64
	ETag      string `db:"etag"` // without quotes
	Version   *int   // of the file that ended a folder: the version that it became
	CreatedAt time.Time
}

const (
	// whole selects files of which every byte is still there.
	whole = `
SELECT key, upload_ids, size_bytes, etag, version, created_at FROM written_files
WHERE dataset_id = $1 AND created_by = $2
  AND cardinality(upload_ids) = (SELECT count(*) FROM uploads u WHERE u.id = ANY (upload_ids) AND u.expires_at > now())`
	selectFile  = whole + ` AND key = $3`
	selectFiles = whole + ` AND starts_with(key, $3) AND key >= $3 AND key > $4 ORDER BY key LIMIT $5`
	lockFile    = `SELECT upload_ids FROM written_files WHERE dataset_id = $1 AND created_by = $2 AND key = $3 FOR UPDATE`
	upsertFile  = `
INSERT INTO written_files (dataset_id, created_by, key, upload_ids, size_bytes, etag, version) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (dataset_id, created_by, key) DO UPDATE SET upload_ids = excluded.upload_ids, size_bytes = excluded.size_bytes,
    etag = excluded.etag, version = excluded.version, created_at = now()`
	deleteFiles = `DELETE FROM written_files WHERE dataset_id = $1 AND created_by = $2 AND key = ANY ($3) RETURNING upload_ids`
	// unused are those uploads of $3 that no file has.
	unused = `
SELECT id FROM unnest($3::uuid[]) id
WHERE NOT EXISTS (SELECT FROM written_files WHERE dataset_id = $1 AND created_by = $2 AND id = ANY (upload_ids))`
)

// ErrNoFile is the error of a file that does not exist, or has expired.
var ErrNoFile = fault.New(fault.NotFound, "There is no file of yours with this key: it was deleted or committed, or it has expired")

// Find returns a file.
func (f Files) Find(ctx context.Context, key string) (File, error) {
	return database.One[File](ctx, f.Uploads.DB, ErrNoFile, selectFile, f.Dataset, f.Person, key)
}

// List returns files by prefix, in the order of their keys, after a key.
func (f Files) List(ctx context.Context, prefix, after string, limit int) ([]File, error) {
	rows, _ := f.Uploads.DB.Query(ctx, selectFiles, f.Dataset, f.Person, prefix, after, limit)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[File])
	if err != nil {
		return nil, fmt.Errorf("list written files: %w", err)
	}
	return list, nil
}

// Put adds a file, or replaces the one with its key.
func (f Files) Put(ctx context.Context, file File) error {
	var replaced []uuid.UUID
	err := f.Uploads.DB.Transact(ctx, func(tx *outbox.Tx) error {
		replaced = nil
		before, err := database.One[struct{ UploadIDs []uuid.UUID }](ctx, tx, ErrNoFile, lockFile, f.Dataset, f.Person, file.Key)
		if err != nil && !errors.Is(err, ErrNoFile) {
			return err
		}
		replaced = before.UploadIDs
		ids := file.UploadIDs
		if ids == nil {
			ids = []uuid.UUID{}
		}
		if _, err := tx.Exec(ctx, upsertFile, f.Dataset, f.Person, file.Key, ids, file.SizeBytes, file.ETag, file.Version); err != nil {
			return fmt.Errorf("upsert written file: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return f.drop(ctx, replaced)
}

// Copy gives a file another key as well.
func (f Files) Copy(ctx context.Context, from, to string) (File, error) {
	file, err := f.Find(ctx, from)
	if err != nil || from == to {
		return file, err
	}
	file.Key, file.CreatedAt = to, time.Now()
	return file, f.Put(ctx, file)
}

// Delete deletes files. Those that do not exist do not matter.
func (f Files) Delete(ctx context.Context, keys ...string) error {
	rows, _ := f.Uploads.DB.Query(ctx, deleteFiles, f.Dataset, f.Person, keys)
	lists, err := pgx.CollectRows(rows, pgx.RowTo[[]uuid.UUID])
	if err != nil {
		return fmt.Errorf("delete written files: %w", err)
	}
	var all []uuid.UUID
	for _, ids := range lists {
		all = append(all, ids...)
	}
	return f.drop(ctx, all)
}

// drop deletes the uploads that no file uses.
func (f Files) drop(ctx context.Context, uploads []uuid.UUID) error {
	if len(uploads) == 0 {
		return nil
	}
	rows, _ := f.Uploads.DB.Query(ctx, unused, f.Dataset, f.Person, uploads)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("find unused uploads: %w", err)
	}
	return f.Uploads.Drop(ctx, ids...)
}

// Open opens a file.
func (f Files) Open(ctx context.Context, file File) (*stored.File, error) {
	parts, err := f.Uploads.Parts(ctx, file.UploadIDs...)
	if err != nil {
		return nil, err
	}
	bucket, err := f.Uploads.Area.Bucket(ctx, f.StorageType)
	if err != nil {
		return nil, err
	}
	return stored.Open(ctx, bucket, f.Uploads.Keys, parts)
}
