package datasets

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/objects"
	"function/shared/uuid7"
)

const (
	insertStaged = `INSERT INTO staged_objects (name, storage_type) VALUES ($1, $2)`
	deleteStaged = `DELETE FROM staged_objects WHERE name = $1`
)

// Staged is an object that is being written and belongs to no version yet. A row
// tells of it from before its first byte, so that none outlives a crash unknown.
type Staged struct {
	*objects.Writer
	Name string

	store       Store
	storageType string
}

// Stage starts an object of an organization under a name that is never used again.
func (s Store) Stage(ctx context.Context, storageType string, organization uuid.UUID, key []byte) (*Staged, error) {
	id := uuid7.New()
	bucket, err := s.Objects(ctx, storageType)
	if err != nil {
		return nil, err
	}
	o := &Staged{Name: organization.String() + "/" + id.String(), store: s, storageType: storageType}
	if _, err := s.DB.Exec(ctx, insertStaged, o.Name, storageType); err != nil {
		return nil, fmt.Errorf("insert staged object: %w", err)
	}
	if o.Writer, err = bucket.Create(ctx, o.Name, key); err != nil {
		o.Discard(ctx)
		return nil, fmt.Errorf("stage object: %w", err)
	}
	return o, nil
}

// Adopt is part of the transaction that gives the object to a version. It fails
// when the object was swept, having been written for longer than StaleAfter.
func (o *Staged) Adopt(ctx context.Context, tx pgx.Tx) error {
	deleted, err := tx.Exec(ctx, deleteStaged, o.Name)
	if err != nil {
		return fmt.Errorf("adopt object %s: %w", o.Name, err)
	}
	if deleted.RowsAffected() == 0 {
		return fmt.Errorf("adopt object %s: it was swept", o.Name)
	}
	return nil
}

// discardBound is how long Discard may take; what it leaves is swept later.
const discardBound = 10 * time.Second

// Discard removes the object unless a committed transaction has adopted it, also
// when nobody knows whether the commit went through. It must not be called inside
// that transaction, for whose end it waits.
func (o *Staged) Discard(ctx context.Context) {
	if o == nil {
		return
	}
	if o.Writer != nil {
		o.Abort()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardBound)
	defer cancel()
	if err := o.store.discard(ctx, o.Name, o.storageType); err != nil {
		slog.WarnContext(ctx, "staged object left to the sweep", "object", o.Name, "error", err)
	}
}

// discard removes the object before the row that tells of it has gone.
func (s Store) discard(ctx context.Context, name, storageType string) error {
	bucket, err := s.Objects(ctx, storageType)
	if err != nil {
		return err
	}
	return database.Transact(ctx, s.DB.Pool, func(tx *database.Tx) error {
		deleted, err := tx.Exec(ctx, deleteStaged, name)
		if err != nil {
			return fmt.Errorf("delete staged object: %w", err)
		}
		if deleted.RowsAffected() == 0 {
			return nil
		}
		return bucket.Delete(ctx, name)
	})
}

// StaleAfter is how long an object may be written before the sweep takes it for
// left behind; unwritten is the same for a file that nothing is written to.
const (
	StaleAfter = 24 * time.Hour
	unwritten  = time.Hour
)

const selectStale = `SELECT name, storage_type FROM staged_objects WHERE created_at < now() - $1::interval ORDER BY created_at LIMIT 1000`

// Sweep removes the objects that writers which died have left behind.
func (s Store) Sweep(ctx context.Context) error {
	rows, _ := s.DB.Query(ctx, selectStale, StaleAfter)
	stale, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Name, StorageType string }])
	if err != nil {
		return fmt.Errorf("list stale objects: %w", err)
	}
	swept := map[string]bool{}
	for _, o := range stale {
		if err := s.discard(ctx, o.Name, o.StorageType); err != nil {
			return fmt.Errorf("sweep object %s: %w", o.Name, err)
		}
		if swept[o.StorageType] {
			continue
		}
		swept[o.StorageType] = true
		bucket, err := s.Objects(ctx, o.StorageType)
		if err != nil {
			return err
		}
		if _, err := bucket.Sweep(ctx, time.Now().Add(-unwritten)); err != nil {
			return fmt.Errorf("sweep bucket of %s storage: %w", o.StorageType, err)
		}
	}
	return nil
}
