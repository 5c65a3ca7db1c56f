package resumable

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/job"
	"function/shared/outbox"
)

const (
	setTarget     = `UPDATE uploads SET target = $2 WHERE id = $1`
	resetUpload   = `UPDATE uploads SET writer = writer + 1, received = 0, length = NULL, hash_state = $2 WHERE id = $1 AND version IS NULL AND failure IS NULL RETURNING writer`
	setFailure    = `UPDATE uploads SET failure = $2 WHERE id = $1 AND version IS NULL AND failure IS NULL`
	selectStorage = `SELECT d.storage_type, u.kind FROM uploads u JOIN datasets d ON d.id = u.dataset_id WHERE u.id = $1`
)

// SetTarget stores the changed target of an upload.
func (s *Store) SetTarget(ctx context.Context, u *Upload) error {
	if _, err := s.DB.Exec(ctx, setTarget, u.ID, u.Target); err != nil {
		return fmt.Errorf("set target of upload: %w", err)
	}
	return nil
}

// Reset removes what has arrived of an upload, which then starts again.
func (s *Store) Reset(ctx context.Context, u *Upload) error {
	var names []string
	state := stateOf(sha256.New())
	err := s.DB.Transact(ctx, func(tx *outbox.Tx) error {
		err := tx.QueryRow(ctx, resetUpload, u.ID, state).Scan(&u.Writer)
		if database.IsNoRows(err) {
			return ErrFenced
		}
		if err != nil {
			return fmt.Errorf("reset upload: %w", err)
		}
		names, err = takeParts(ctx, tx, u.ID)
		return err
	})
	if err != nil {
		return err
	}
	s.Area.Discard(ctx, u.StorageType, names...)
	u.Received, u.Length, u.HashState = 0, nil, state
	return nil
}

// FailJob ends an upload whose job has failed for the last time. The key of the job is the identifier of
// the upload, alone or before a slash.
func (s *Store) FailJob(ctx context.Context, failed events.JobFailed) error {
	id, _, _ := strings.Cut(failed.Key, "/")
	upload, err := uuid.Parse(id)
	if err != nil {
		return fault.New(fault.Invalid, "The key of this job does not identify an upload").Because(err)
	}
	discard := func(context.Context) {}
	err = s.DB.Transact(ctx, func(tx *outbox.Tx) error {
		ended, err := job.Discard(ctx, tx, failed)
		if err != nil || !ended {
			return err
		}
		discard, err = s.fail(ctx, tx, upload, failed.Reason)
		return err
	})
	if err == nil {
		discard(ctx)
	}
	return err
}

// fail ends an upload with a reason, in the transaction that ends its job. discard removes its
// objects after the commit.
func (s *Store) fail(ctx context.Context, tx *outbox.Tx, id uuid.UUID, reason string) (discard func(context.Context), err error) {
	var storageType, kind string
	err = tx.QueryRow(ctx, selectStorage, id).Scan(&storageType, &kind)
	if database.IsNoRows(err) {
		return func(context.Context) {}, nil // deleted in the meantime
	}
	if err != nil {
		return nil, fmt.Errorf("look up upload: %w", err)
	}
	if _, err := tx.Exec(ctx, setFailure, id, reason); err != nil {
		return nil, fmt.Errorf("set failure of upload: %w", err)
	}
	names, err := takeParts(ctx, tx, id)
	return func(ctx context.Context) {
		s.Area.Discard(ctx, storageType, names...)
		if kind == Direct {
			s.Area.DiscardPut(ctx, storageType, id)
		}
	}, err
}

// takeParts removes the parts of an upload and returns their objects, which are to be discarded
// after the commit.
func takeParts(ctx context.Context, tx *outbox.Tx, upload uuid.UUID) ([]string, error) {
	rows, _ := tx.Query(ctx, deleteParts, upload)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("delete parts of upload: %w", err)
	}
	return names, nil
}
