package resumable

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"crypto/sha256"

	"github.com/google/uuid"

	"function/functions/datasets/internal/stored"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/fault"
	"function/shared/outbox"
)

// maxPartials limits the partial uploads of a final one: as many as S3 allows parts of an object.
const maxPartials = 10_000

const (
	selectPartials = `
SELECT count(*) AS found, coalesce(sum(received), 0)::bigint AS length FROM uploads
WHERE id = ANY ($1) AND dataset_id = $2 AND created_by = $3 AND kind = 'partial' AND received = length AND failure IS NULL AND expires_at > now()`
	deletePartials = `DELETE FROM uploads WHERE id = ANY ($1)`
	setLength      = `UPDATE uploads SET length = $2, received = $2 WHERE id = $1`
)

var errPartials = fault.New(fault.Conflict, "Not all of these are complete partial uploads of yours for this data set, each named once: ask for their offsets with HEAD and complete them first")

// Concatenate makes a version of partial uploads in their order, and deletes them. It reads their
// bytes for the SHA-256 of the whole file, but does not copy them. u becomes the final upload.
func (s *Store) Concatenate(ctx context.Context, u *Upload, partials []uuid.UUID) error {
	if len(partials) > maxPartials {
		return fault.New(fault.TooLarge, "A final upload has at most %d partial uploads", maxPartials)
	}
	sorted := slices.SortedFunc(slices.Values(partials), func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	if len(slices.Compact(sorted)) != len(partials) {
		return errPartials
	}
	var found int
	var length int64
	if err := s.DB.QueryRow(ctx, selectPartials, partials, u.DatasetID, u.CreatedBy).Scan(&found, &length); err != nil {
		return fmt.Errorf("look up partial uploads: %w", err)
	}
	if found != len(partials) {
		return errPartials
	}
	if length > s.Limit {
		return fault.New(fault.TooLarge, "The file is larger than the limit of %d bytes", s.Limit)
	}
	pieces, err := s.pieces(ctx, partials...)
	if err != nil {
		return err
	}
	sum, err := s.sum(ctx, u, pieces)
	if err != nil {
		return err
	}
	file, content, err := s.examine(ctx, u, pieces, sum)
	if err != nil {
		return act.Refused(ctx, s.DB, u.entry(), err)
	}
	var v int
	err = act.Do(ctx, s.DB, u.entry(), func(tx *outbox.Tx, entry *audit.Entry) error {
		if err := s.Create(ctx, tx, u); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, setLength, u.ID, length); err != nil {
			return fmt.Errorf("set length of final upload: %w", err)
		}
		taken, err := tx.Exec(ctx, deletePieces, partials)
		if err != nil {
			return fmt.Errorf("take parts of partial uploads: %w", err)
		}
		if int(taken.RowsAffected()) != len(pieces) {
			return errPartials // another request has taken or deleted one
		}
		if _, err := tx.Exec(ctx, deletePartials, partials); err != nil {
			return fmt.Errorf("delete partial uploads: %w", err)
		}
		v, err = s.add(ctx, tx, u, file, content, entry)
		return err
	})
	if err != nil {
		return fmt.Errorf("concatenate uploads: %w", err)
	}
	u.Length, u.Received, u.Version = &length, length, &v
	return nil
}

// sum reads a file for its SHA-256.
func (s *Store) sum(ctx context.Context, u *Upload, pieces []piece) ([]byte, error) {
	var parts []stored.Part
	for _, p := range pieces {
		parts = append(parts, p.Part)
	}
	bucket, err := s.Area.Bucket(ctx, u.StorageType)
	if err != nil {
		return nil, err
	}
	content, err := stored.Open(ctx, bucket, s.Keys, parts)
	if err != nil {
		return nil, err
	}
	hash := sha256.New()
	_, err = io.Copy(hash, content)
	return hash.Sum(nil), errors.Join(err, content.Close())
}
