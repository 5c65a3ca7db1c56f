package resumable

import (
	"context"
	"errors"
	"fmt"
	"io"

	"function/shared/fault"
	"function/shared/objects"
	"function/shared/outbox"
)

var (
	errNotPut   = fault.New(fault.Conflict, "The file has not arrived in the bucket: PUT it at the upload's URL, then complete the upload. If the URL has expired, start a new upload.")
	errRemoved  = fault.New(fault.Conflict, "The file is no longer in the bucket: start a new upload")
	errReplaced = fault.New(fault.Conflict, "The file in the bucket changed while it was read: start a new upload")
)

// CheckPut returns an error if the file of a direct upload has not arrived in the bucket.
func (s *Store) CheckPut(ctx context.Context, u *Upload) error {
	bucket, name, err := s.Area.FindPut(ctx, u.StorageType, u.ID)
	var size int64
	if err == nil {
		size, err = bucket.StoredBytes(ctx, name)
	}
	if errors.Is(err, objects.ErrNotFound) {
		return errNotPut
	}
	if err != nil {
		return fmt.Errorf("check direct upload: %w", err)
	}
	return u.checkSize(size)
}

const prolong = `UPDATE uploads SET expires_at = now() + $2::interval WHERE id = $1 AND version IS NULL AND failure IS NULL AND expires_at > now()`

// Prolong lets a direct upload live until its file is sealed, in the transaction that requests it.
func (s *Store) Prolong(ctx context.Context, tx *outbox.Tx, u *Upload) error {
	if _, err := tx.Exec(ctx, prolong, u.ID, u.lifetime()); err != nil {
		return fmt.Errorf("prolong upload: %w", err)
	}
	return nil
}

func (u *Upload) checkSize(size int64) error {
	if size != *u.Length {
		return fault.New(fault.Conflict, "The file in the bucket has %d bytes instead of %d: delete this upload and start a new one", size, *u.Length)
	}
	return nil
}

// Seal appends the file of a direct upload, from where an earlier call stopped. The hash is that of the
// bytes that are sealed, whatever happens in the bucket. Afterwards the plain object is deleted.
func (s *Store) Seal(ctx context.Context, u *Upload, progress func(done int64)) error {
	plain, err := s.openPut(ctx, u)
	if err != nil {
		return err
	}
	defer plain.Close()
	err = s.Append(ctx, u, Incoming{Offset: u.Received, Body: &counted{plain, u.Received, progress}})
	switch {
	case IsInterrupted(err):
		return fault.New(fault.Unavailable, "The bucket could not be read to the end").Because(err)
	case err != nil:
		return err
	case u.Version == nil:
		return errReplaced // it was shorter than its size
	}
	s.Area.DiscardPut(ctx, u.StorageType, u.ID)
	return nil
}

func (s *Store) openPut(ctx context.Context, u *Upload) (*objects.Plain, error) {
	bucket, name, err := s.Area.FindPut(ctx, u.StorageType, u.ID)
	var plain *objects.Plain
	if err == nil {
		plain, err = bucket.OpenPlain(ctx, name, u.Received)
	}
	if errors.Is(err, objects.ErrNotFound) {
		return nil, errRemoved
	}
	if err != nil {
		return nil, fmt.Errorf("open direct upload: %w", err)
	}
	if err = u.checkSize(plain.Size); err == nil {
		err = s.checkState(ctx, u, plain.State)
	}
	if err != nil {
		return nil, errors.Join(err, plain.Close())
	}
	return plain, nil
}

const setState = `UPDATE uploads SET target = $2 WHERE id = $1 AND target->>'Validator' = ''`

// checkState returns an error if the object is not the one that was opened first.
func (s *Store) checkState(ctx context.Context, u *Upload, state string) error {
	if u.Target.Validator != "" {
		if u.Target.Validator != state {
			return errReplaced
		}
		return nil
	}
	u.Target.Validator = state
	set, err := s.DB.Exec(ctx, setState, u.ID, u.Target)
	if err != nil {
		return fmt.Errorf("set state of direct upload: %w", err)
	}
	if set.RowsAffected() == 0 {
		return ErrFenced // another process has opened it, or it was deleted
	}
	return nil
}

// counted tells how many bytes have been read.
type counted struct {
	io.Reader
	done     int64
	progress func(done int64)
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.done += int64(n)
	c.progress(c.done)
	return n, err
}
