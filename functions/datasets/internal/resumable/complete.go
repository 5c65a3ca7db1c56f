package resumable

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/format"
	"function/functions/datasets/internal/stored"
	"function/functions/datasets/internal/transfer"
	"function/functions/datasets/internal/version"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/fault"
	"function/shared/ingest"
	"function/shared/ingest/packed"
	"function/shared/outbox"
)

// piece is a part of a file with what its adoption needs.
type piece struct {
	stored.Part
	StoredBytes  int64
	StoredSHA256 []byte `db:"stored_sha256"`
}

const (
	selectPieces = `
SELECT p.object_name, p.size_bytes, u.wrapped_key, p.stored_bytes, p.stored_sha256
FROM upload_parts p JOIN uploads u ON u.id = p.upload_id WHERE p.upload_id = ANY ($1) ORDER BY array_position($1, p.upload_id), p.start`
	deletePieces = `DELETE FROM upload_parts WHERE upload_id = ANY ($1)`
	setVersion   = `UPDATE uploads SET version = $2 WHERE id = $1`
)

func (s *Store) pieces(ctx context.Context, uploads ...uuid.UUID) ([]piece, error) {
	rows, _ := s.DB.Query(ctx, selectPieces, uploads)
	pieces, err := pgx.CollectRows(rows, pgx.RowToStructByName[piece])
	if err != nil {
		return nil, fmt.Errorf("list parts of upload: %w", err)
	}
	return pieces, nil
}

// Parts returns the stored parts of uploads, in the order of the uploads.
func (s *Store) Parts(ctx context.Context, uploads ...uuid.UUID) ([]stored.Part, error) {
	pieces, err := s.pieces(ctx, uploads...)
	parts := make([]stored.Part, len(pieces))
	for i, p := range pieces {
		parts[i] = p.Part
	}
	return parts, err
}

// complete makes the version of an upload whose last part has arrived. The last part is committed
// with the version, so no upload is complete without its version.
func (a *appending) complete(ctx context.Context, received int64) error {
	pieces, err := a.pieces(ctx, a.ID)
	if err != nil {
		return err
	}
	for _, p := range a.parts {
		pieces = append(pieces, piece{stored.Part{ObjectName: p.Name, SizeBytes: p.size, WrappedKey: a.WrappedKey}, p.StoredBytes(), p.StoredSHA256()})
	}
	var v int
	file, content, err := a.examine(ctx, a.Upload, pieces, a.hash.Sum(nil))
	if err == nil {
		err = act.Do(ctx, a.DB, a.entry(), func(tx *outbox.Tx, entry *audit.Entry) (err error) {
			if err := a.advance(ctx, tx, received); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, deletePieces, []uuid.UUID{a.ID}); err != nil {
				return fmt.Errorf("delete parts of upload: %w", err)
			}
			v, err = a.add(ctx, tx, a.Upload, file, content, entry)
			return err
		})
	} else {
		err = act.Refused(ctx, a.DB, a.entry(), err)
	}
	if f, ok := fault.As(err); ok && f != ErrFenced && f.Kind != fault.Internal && f.Kind != fault.Unavailable {
		return errors.Join(err, a.fail(ctx, f.Detail))
	}
	if err != nil {
		return fmt.Errorf("complete upload: %w", err)
	}
	a.Received, a.Version, a.parts = received, &v, nil
	return nil
}

func (u *Upload) entry() audit.Entry {
	return audit.Entry{Action: "datasets:upload", ResourceID: u.DatasetID.String(), OrganizationID: u.OrganizationID, ActorID: u.CreatedBy}
}

// add adds the version in the transaction that completes the upload.
func (s *Store) add(ctx context.Context, tx *outbox.Tx, u *Upload, file format.File, content version.Content, entry *audit.Entry) (int, error) {
	v, _, err := version.Add(ctx, tx, u.CreatedBy, u.DatasetID, u.Target.Change, file, content)
	if err != nil {
		return 0, err
	}
	if u.Guard != nil {
		if err := u.Guard(ctx, tx, v); err != nil {
			return 0, err
		}
	}
	if _, err := tx.Exec(ctx, setVersion, u.ID, v); err != nil {
		return 0, fmt.Errorf("set version of upload: %w", err)
	}
	change := u.Target.Change
	entry.Detail = map[string]any{"version": v, "sha256": hex.EncodeToString(content.SHA256), "branch": change.Branch, "operation": change.Operation, "upload": u.ID}
	return v, nil
}

// examine checks a complete file and recognizes its format.
func (s *Store) examine(ctx context.Context, u *Upload, pieces []piece, sum []byte) (file format.File, c version.Content, err error) {
	c = version.Content{Content: transfer.Content{SHA256: sum}, Adopt: s.adopt(u.StorageType, pieces)}
	for _, p := range pieces {
		c.Parts = append(c.Parts, p.Part)
		c.Size, c.StoredBytes = c.Size+p.SizeBytes, c.StoredBytes+p.StoredBytes
	}
	if u.Target.SHA256 != nil && !bytes.Equal(u.Target.SHA256, sum) {
		return file, c, fault.At("sha256", "the bytes that have arrived have another SHA-256 than the one given: send the file again")
	}
	bucket, err := s.Area.Bucket(ctx, u.StorageType)
	if err != nil {
		return file, c, err
	}
	content, err := stored.Open(ctx, bucket, s.Keys, c.Parts)
	if err != nil {
		return file, c, err
	}
	defer content.Close()
	head, err := firstBytes(content)
	if err != nil {
		return file, c, err
	}
	if file, err = format.Of(head, u.Target.FileType, u.Target.FileName, u.Target.Reading); err != nil {
		return file, c, err
	}
	if file.Format == ingest.Parquet && file.Compression == "" {
		err = checkParquetEnd(content)
	}
	return file, c, err
}

func firstBytes(content *stored.File) ([]byte, error) {
	head := make([]byte, min(format.HeadSize, content.Size()))
	_, err := io.ReadFull(content, head)
	if err == nil && packed.Kind(head) != "" {
		rest := make([]byte, min(packed.HeadSize, content.Size())-int64(len(head)))
		_, err = io.ReadFull(content, rest)
		head = append(head, rest...)
	}
	if err != nil {
		return nil, fmt.Errorf("read start of upload: %w", err)
	}
	return head, nil
}

func checkParquetEnd(content *stored.File) error {
	tail := make([]byte, len(format.ParquetMagic))
	if content.Size() >= 12 {
		if _, err := content.Seek(-int64(len(tail)), io.SeekEnd); err != nil {
			return err
		}
		if _, err := io.ReadFull(content, tail); err != nil {
			return fmt.Errorf("read end of upload: %w", err)
		}
	}
	if string(tail) != format.ParquetMagic {
		return fault.At("body.file", "the Parquet file is truncated: it does not end like a Parquet file")
	}
	return nil
}

func (s *Store) adopt(storageType string, pieces []piece) func(context.Context, *outbox.Tx) error {
	return func(ctx context.Context, tx *outbox.Tx) error {
		for _, p := range pieces {
			if err := s.Area.Adopt(ctx, tx, storageType, p.ObjectName, p.StoredSHA256); err != nil {
				return err
			}
		}
		return nil
	}
}

const (
	markFailed  = `UPDATE uploads SET failure = $3, length = $4 WHERE id = $1 AND writer = $2 AND version IS NULL`
	deleteParts = `DELETE FROM upload_parts WHERE upload_id = $1 RETURNING object_name`
)

// fail ends an upload whose file was refused: sending the same bytes again would not help.
func (a *appending) fail(ctx context.Context, reason string) error {
	var names []string
	err := a.DB.Transact(ctx, func(tx *outbox.Tx) error {
		marked, err := tx.Exec(ctx, markFailed, a.ID, a.Writer, reason, a.Length)
		if err != nil || marked.RowsAffected() == 0 {
			return err
		}
		names, err = takeParts(ctx, tx, a.ID)
		return err
	})
	if err != nil {
		return fmt.Errorf("end failed upload: %w", err)
	}
	a.Area.Discard(ctx, a.StorageType, names...)
	return nil
}
